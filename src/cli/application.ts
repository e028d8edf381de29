import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Application,
  CreateApplicationResponseSchema,
  ListApplicationsResponseSchema,
  RotateApplicationSecretResponseSchema,
  UpdateApplicationResponseSchema,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeTime, sayJson, sayTable } from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing, repeated } from './context.ts';
import { parseHours } from './key.ts';
import { type PatchOptions, patchOf } from './patch.ts';

function show(applications: readonly Application[]): void {
  sayTable(
    ['CLIENT ID', 'NAME', 'KIND', 'ENABLED', 'AUTHENTICATION', 'SECRETS', 'CHANGED'],
    applications.map(({ clientId, settings, secrets, updateTime }) => [
      clientId,
      String(settings?.['name'] ?? ''),
      String(settings?.['kind'] ?? ''),
      settings?.['enabled'] === true ? 'yes' : 'no',
      String(settings?.['authentication'] ?? ''),
      String(secrets),
      describeTime(updateTime),
    ]),
  );
}

/** The values for the configuration of a library. */
function showClient({ clientId, issuer }: Application, secret: string): void {
  say(`\nissuer         ${issuer}`);
  say(`client_id      ${clientId}`);
  if (secret !== '') say(`client_secret  ${secret}   (shown once)`);
}

type CreateOptions = PatchOptions & Output & { readonly redirectUri?: readonly string[] };

/** `manam application …` */
export function addApplicationCommands({ program, admin }: Cli): void {
  const application = program
    .command('application')
    .description("tenants' applications: the clients of their OpenID providers");

  printing(
    application.command('list <tenant>').description('list the applications of a tenant'),
    'application list acme',
  ).action((tenant: string, options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.listApplications({ tenant });
      if (options.json) return sayJson(ListApplicationsResponseSchema, answer);
      show(answer.applications);
    }),
  );

  printing(
    application
      .command('create <tenant> <kind> <name>')
      .description('make an application: web, spa, native or machine; its secret is shown once')
      .option('--redirect-uri <uri>', 'where a browser may return to with a code', repeated)
      .option('--set <path=value>', 'set a path of the settings', repeated)
      .option('--file <file>', 'a JSON merge patch of the settings'),
    'application create acme web "Acme Shop" --redirect-uri https://shop.acme.com/callback',
  ).action((tenant: string, kind: string, name: string, options: CreateOptions) =>
    admin('keys', async (client) => {
      const { redirectUri: redirectUris } = options;
      const own = { kind, name, ...(redirectUris !== undefined && { redirectUris: [...redirectUris] }) };
      const answer = await client.createApplication({
        tenant,
        settings: patchOf(options, own) ?? own,
      });
      if (options.json) return sayJson(CreateApplicationResponseSchema, answer);
      if (answer.application === undefined) return;
      show([answer.application]);
      showClient(answer.application, answer.clientSecret);
    }),
  );

  printing(
    application
      .command('set <tenant> <client-id>')
      .description('change an application')
      .option('--set <path=value>', 'set a path of the settings; null goes back to the default', repeated)
      .option('--file <file>', 'a JSON merge patch of the settings'),
    'application set acme 0192… --set firstParty=true --set \'origins=["https://acme.com"]\'',
  ).action((tenant: string, clientId: string, options: PatchOptions & Output) =>
    admin('keys', async (client) => {
      const settings = patchOf(options) ?? {};
      const answer = await client.updateApplication({ tenant, clientId, settings });
      if (options.json) return sayJson(UpdateApplicationResponseSchema, answer);
      if (answer.application !== undefined) show([answer.application]);
    }),
  );

  printing(
    application
      .command('secret <tenant> <client-id>')
      .description('make a further secret, shown once; the one before ends after the overlap')
      .option('--overlap-hours <hours>', 'how long the secret before stays good', parseHours, 24),
    'application secret acme 0192… --overlap-hours 1',
  ).action((tenant: string, clientId: string, options: Output & { readonly overlapHours: number }) =>
    admin('keys', async (client) => {
      const overlap = durationFromMs(options.overlapHours * 3_600_000);
      const answer = await client.rotateApplicationSecret({ tenant, clientId, overlap });
      if (options.json) return sayJson(RotateApplicationSecretResponseSchema, answer);
      say(`client_secret  ${answer.clientSecret}   (shown once)`);
    }),
  );

  destructive(
    printing(
      application
        .command('delete <tenant> <client-id>')
        .description('delete an application with its secrets, consents and tokens'),
      'application delete acme 0192…',
    ),
  ).action((tenant: string, clientId: string, options: Output & Destructive) =>
    admin('keys', async (client) => {
      await assertWanted(
        `Delete the application ${clientId} of ${tenant}? No one can sign in to it any more.`,
        options.yes,
      );
      await client.deleteApplication({ tenant, clientId });
      say(options.json ? '{}' : 'deleted');
    }),
  );
}
