import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { RemoteAdmin } from '../composition/admin-client.ts';
import { CommandError, exitCodes } from '../composition/exit-codes.ts';
import type { Config } from '../config/config.ts';
import { isSource, root } from '../root.ts';
import { addApplicationCommands } from './application.ts';
import { addAuditCommands } from './audit.ts';
import { addConfigCommand } from './config.ts';
import { addConnectionCommands } from './connection.ts';
import type { Cli } from './context.ts';
import { addDatabaseCommands } from './database.ts';
import {
  addBackupCommands,
  addDeploymentKeyCommands,
  addDoctorCommand,
  addMigrateCommands,
} from './deployment.ts';
import { addAdminKeyCommands, addKeyCommands } from './key.ts';
import { addMemberCommands } from './member.ts';
import { addOutboxCommands, addTemplateCommands } from './message.ts';
import { addTenantCommands } from './tenant.ts';
import { addEventCommands, addSessionCommands, addWebhookCommands, type TenantCli } from './tenant-events.ts';
import { addTransferCommands } from './transfer.ts';
import { addUserCommands } from './user.ts';
import { addUserCareCommands } from './user-care.ts';

type Environment = Readonly<Record<string, string | undefined>>;

type StartOptions = {
  readonly production?: boolean;
  readonly withEmulators?: boolean;
  readonly withGoogleEmulator?: boolean;
};

/** The admin service that commands go to, where one at a distance is configured. */
function remoteOf(env: Environment): RemoteAdmin | undefined {
  const [url, key] = [env['MANAM_ADMIN_URL'], env['MANAM_ADMIN_KEY']];
  if (url === undefined) return undefined;
  if (key === undefined || !URL.canParse(url))
    throw new CommandError('MANAM_ADMIN_URL must be a URL and needs MANAM_ADMIN_KEY', exitCodes.usage);
  return { url, key };
}

/** The version of the package, in a checkout and in an installation. */
function versionOf(): string {
  const text = readFileSync(new URL(isSource ? 'package.json' : '../package.json', root), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/**
 * The command line. Each group of commands has its own file. Without the name of a command its arguments are those of
 * `start`; a name that is unknown must not be one of them, so that the parser suggests another.
 */
export function createProgram(env: Environment, [first = '-']: readonly string[] = []): Command {
  // Each command loads its modules when it runs: most of them are for the service alone.
  const config = async (production = false): Promise<Config> =>
    (await import('../config/config.ts')).parseConfig(env, { production });
  const program = new Command('manam')
    .description('An identity service that other products rent.')
    .version(versionOf(), '-V, --version', 'print the version')
    .exitOverride()
    .showHelpAfterError();

  program
    .command('start', { isDefault: first.startsWith('-') })
    .description('start the service')
    .option('--production', 'refuse to run with anything missing or weak')
    .option('--with-emulators', 'stand in for Google and all other identity providers, on this machine')
    .addOption(new Option('--with-google-emulator', 'the name of that in version 0.1.0').hideHelp())
    .action(async ({ production, withEmulators, withGoogleEmulator }: StartOptions) => {
      const configured = await config(production);
      const { start } = await import('../composition/start.ts');
      if (!withEmulators && !withGoogleEmulator) return await start(configured);
      const emulators = await import('../composition/emulators.ts');
      await start(await emulators.withEmulators(configured));
    });

  const cli: Cli = {
    program,
    admin: async (needs, work) => {
      const { withAdmin } = await import('../composition/admin-client.ts');
      await withAdmin(await config(), remoteOf(env), needs, work);
    },
  };
  addConfigCommand(cli, async () => (await import('../config/reader.ts')).describeConfig(env));
  addDatabaseCommands(cli, () => config());
  addAuditCommands(cli);
  addTenantCommands(cli);
  addConnectionCommands(cli);
  addMemberCommands(cli);
  addApplicationCommands(cli);
  addKeyCommands(cli);
  addUserCommands(cli);
  addUserCareCommands(cli);
  const tenantCli: TenantCli = {
    program,
    tenant: async ({ url = env['MANAM_URL'], key = env['MANAM_KEY'] }, work) => {
      const { connectAsTenant } = await import('../composition/tenant-client.ts');
      await work(connectAsTenant(await config(), { url, key }));
    },
  };
  addEventCommands(tenantCli);
  addSessionCommands(tenantCli);
  addWebhookCommands(tenantCli);
  addTransferCommands(cli);
  addMigrateCommands(cli);
  addDeploymentKeyCommands({
    ...cli,
    prepareNextMasterKey: async () => {
      if (remoteOf(env) !== undefined) return undefined;
      const { prepareNextMasterKey } = await import('../composition/master-key.ts');
      return prepareNextMasterKey(await config());
    },
  });
  addOutboxCommands(cli);
  addTemplateCommands(cli);
  addDoctorCommand(cli);
  addBackupCommands(cli);
  addAdminKeyCommands(cli);
  return program;
}
