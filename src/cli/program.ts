import { Command, InvalidArgumentError } from 'commander';
import { type Config, parseConfig } from '../config.ts';
import { type AuditOptions, searchAudit, tailAudit } from './audit.ts';
import { type RemoteAdmin, withAdmin } from './connection.ts';
import type { Cli } from './context.ts';
import { addDeploymentKeyCommands, addDoctorCommand, addMigrateCommands } from './deployment.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { withEmulatedGoogle } from './google-emulator.ts';
import { addAdminKeyCommands, addKeyCommands } from './key.ts';
import { prepareNextMasterKey } from './master-key.ts';
import { addOutboxCommands, addTemplateCommands } from './message.ts';
import { start } from './start.ts';
import { addTenantCommands } from './tenant.ts';
import { addUserCommands } from './user.ts';

type Environment = Readonly<Record<string, string | undefined>>;

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) {
    throw new InvalidArgumentError('It has to be a whole number from 1 to 10000.');
  }
  return limit;
}

type StartOptions = { readonly production?: boolean; readonly withGoogleEmulator?: boolean };

/** The admin service that commands go to, where one at a distance is configured. */
function remoteOf(env: Environment): RemoteAdmin | undefined {
  const [url, key] = [env['MANAM_ADMIN_URL'], env['MANAM_ADMIN_KEY']];
  if (url === undefined) return undefined;
  if (key === undefined || !URL.canParse(url))
    throw new CommandError('MANAM_ADMIN_URL must be a URL and needs MANAM_ADMIN_KEY', exitCodes.usage);
  return { url, key };
}

/** The command line: the words of the commands, each group in a file of its own. */
export function createProgram(env: Environment): Command {
  const config = (production = false): Config => parseConfig(env, { production });
  const program = new Command('manam')
    .description('An identity service that other products rent.')
    .exitOverride()
    .showHelpAfterError();

  program
    .command('start', { isDefault: true })
    .description('start the service')
    .option('--production', 'refuse to run with anything missing or weak')
    .option('--with-google-emulator', 'sign in with a Google that is not Google, on this machine')
    .action(async ({ production, withGoogleEmulator }: StartOptions) => {
      const configured = config(production);
      await start(withGoogleEmulator ? await withEmulatedGoogle(configured) : configured);
    });

  const audit = program.command('audit').description('read the audit log');
  const filtered = (command: Command) =>
    command
      .option('--tenant <slug>', 'the tenant', 'dev')
      .option('--user <id>', "a user's id")
      .option('--action <name>', 'an action, such as login')
      .option('--outcome <outcome>', 'success or failure')
      .option('--limit <count>', 'at most that many', parseLimit, 100)
      .option('--json', 'a JSON document a line', false);
  filtered(audit.command('search'))
    .description('print the newest events that match')
    .addHelpText(
      'after',
      '\nExample:\n  npm run manam -- audit search --tenant dev --action login --outcome failure',
    )
    .action((options: AuditOptions) => searchAudit(config(), options));
  filtered(audit.command('tail'))
    .description('print the newest events, and new ones as they come')
    .addHelpText('after', '\nExample:\n  npm run manam -- audit tail --tenant dev --json')
    .action((options: AuditOptions) => tailAudit(config(), options));
  const cli: Cli = { program, admin: (needs, work) => withAdmin(config(), remoteOf(env), needs, work) };
  addTenantCommands(cli);
  addKeyCommands(cli);
  addUserCommands(cli);
  addMigrateCommands(cli);
  addDeploymentKeyCommands({
    ...cli,
    prepareNextMasterKey: () => (remoteOf(env) === undefined ? prepareNextMasterKey(config()) : undefined),
  });
  addOutboxCommands(cli);
  addTemplateCommands(cli);
  addDoctorCommand(cli);
  addAdminKeyCommands(cli);
  return program;
}
