import { InvalidArgumentError } from 'commander';
import { CommandError, exitCodes } from '../composition/exit-codes.ts';
import { say } from '../composition/terminal.ts';
import type { Config } from '../config/config.ts';
import { type Cli, withExample } from './context.ts';

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('It has to be a port from 0 to 65535.');
  return port;
}

/** `manam database …` */
export function addDatabaseCommands({ program }: Cli, config: () => Promise<Config>): void {
  withExample(
    program
      .command('database')
      .description('the servers of the database')
      .command('agent')
      .description(
        "serve HAProxy's agent check for a server of Group Replication: up while it is the primary",
      )
      .option('--host <address>', 'the address to listen on', '127.0.0.1')
      .option('--port <port>', 'the port to listen on', parsePort, 9201),
    'database agent --port 9201',
    'DATABASE_URL=mysql://agent:secret@127.0.0.1:3306/ ',
  ).action(async (listen: { readonly host: string; readonly port: number }) => {
    const { databaseUrl } = await config();
    if (databaseUrl === undefined)
      throw new CommandError('DATABASE_URL must name the server to check', exitCodes.usage);
    const { startGroupAgent } = await import('../composition/group-agent.ts');
    const { port } = await startGroupAgent(databaseUrl, listen);
    say(`serving the agent check on ${listen.host}:${port}`);
  });
}
