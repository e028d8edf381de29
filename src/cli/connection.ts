import {
  type Connection,
  ListConnectionsResponseSchema,
  SetConnectionResponseSchema,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeTime, type Forgetting, readSecret, sayJson, sayTable } from './common.ts';
import {
  type Cli,
  type Destructive,
  destructive,
  invocation,
  type Output,
  printing,
  repeated,
} from './context.ts';
import { type PatchOptions, parseWithoutNumbers, patchOf } from './patch.ts';

function show(connections: readonly Connection[]): void {
  sayTable(
    ['NAME', 'KIND', 'ENABLED', 'SECRET', 'CLIENT ID', 'CHANGED'],
    connections.map(({ name, settings, hasSecret, updateTime }) => [
      name,
      String(settings?.['kind'] ?? ''),
      settings?.['enabled'] === true ? 'yes' : 'no',
      hasSecret ? 'yes' : 'no',
      String(settings?.['clientId'] ?? ''),
      describeTime(updateTime),
    ]),
  );
}

/** `manam connection …` */
export function addConnectionCommands({ program, admin }: Cli): void {
  const connection = program
    .command('connection')
    .description("tenants' connections with identity providers, such as Google or any OpenID provider");

  printing(
    connection.command('list <tenant>').description('list the connections of a tenant'),
    'connection list acme',
  ).action((tenant: string, options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.listConnections({ tenant });
      if (options.json) return sayJson(ListConnectionsResponseSchema, answer);
      show(answer.connections);
    }),
  );

  printing(
    connection
      .command('set <tenant> <name>')
      .description('make or change a connection, and say what to register at the provider')
      .option('--set <path=value>', 'set a path of the settings; null goes back to the default', repeated)
      .option('--file <file>', 'a JSON merge patch of the settings'),
    'connection set acme okta --set issuer=https://acme.okta.com --set clientId=0oa1 --set \'domains=["acme.com"]\'',
  ).action((tenant: string, name: string, options: PatchOptions & Output) =>
    admin('keys', async (client) => {
      const answer = await client.setConnection({
        tenant,
        name,
        settings: patchOf(options, {}, parseWithoutNumbers) ?? {},
      });
      if (options.json) return sayJson(SetConnectionResponseSchema, answer);
      const { connection: made } = answer;
      if (made === undefined) return;
      show([made]);
      say(`\nredirect URI  ${made.redirectUri}`);
      say(`logout URI    ${made.logoutUri}`);
      if (!made.hasSecret) say(`\nnext: ${invocation} connection secret ${tenant} ${name} < secret.txt`);
    }),
  );

  printing(
    connection
      .command('secret <tenant> <name>')
      .description('keep the client secret, or the private key of Apple; it is read from standard input')
      .option('--forget', 'forget the secret instead', false),
    'connection secret acme okta < secret.txt',
  ).action((tenant: string, name: string, options: Output & Forgetting) =>
    admin('keys', async (client) => {
      const value = readSecret(options);
      await client.setConnectionSecret({ tenant, name, value });
      say(options.json ? '{}' : value === '' ? 'forgotten' : 'kept');
    }),
  );

  destructive(
    printing(
      connection.command('delete <tenant> <name>').description('delete a connection and its secret'),
      'connection delete acme okta',
    ),
  ).action((tenant: string, name: string, options: Output & Destructive) =>
    admin('keys', async (client) => {
      await assertWanted(
        `Delete the connection ${name} of ${tenant}? No one can sign in by it any more.`,
        options.yes,
      );
      await client.deleteConnection({ tenant, name });
      say(options.json ? '{}' : 'deleted');
    }),
  );
}
