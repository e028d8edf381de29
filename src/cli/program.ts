import { Command } from 'commander';
import { type Config, parseConfig } from '../config.ts';
import { addAuditCommands } from './audit.ts';
import { type RemoteAdmin, withAdmin } from './connection.ts';
import type { Cli } from './context.ts';
import {
  addBackupCommands,
  addDeploymentKeyCommands,
  addDoctorCommand,
  addMigrateCommands,
} from './deployment.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { withEmulatedGoogle } from './google-emulator.ts';
import { addAdminKeyCommands, addKeyCommands } from './key.ts';
import { prepareNextMasterKey } from './master-key.ts';
import { addOutboxCommands, addTemplateCommands } from './message.ts';
import { start } from './start.ts';
import { addTenantCommands } from './tenant.ts';
import { addTransferCommands } from './transfer.ts';
import { addUserCommands } from './user.ts';

type Environment = Readonly<Record<string, string | undefined>>;

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

  const cli: Cli = { program, admin: (needs, work) => withAdmin(config(), remoteOf(env), needs, work) };
  addAuditCommands(cli);
  addTenantCommands(cli);
  addKeyCommands(cli);
  addUserCommands(cli);
  addTransferCommands(cli);
  addMigrateCommands(cli);
  addDeploymentKeyCommands({
    ...cli,
    prepareNextMasterKey: () => (remoteOf(env) === undefined ? prepareNextMasterKey(config()) : undefined),
  });
  addOutboxCommands(cli);
  addTemplateCommands(cli);
  addDoctorCommand(cli);
  addBackupCommands(cli);
  addAdminKeyCommands(cli);
  return program;
}
