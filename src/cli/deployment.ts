import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { InvalidArgumentError } from 'commander';
import {
  CheckBackupResponseSchema,
  DiagnoseResponseSchema,
  type Finding,
  FindingState,
  ListMigrationsResponseSchema,
  ListSigningKeysResponseSchema,
  type Migration,
  RotateMasterKeyResponseSchema,
  RotateSigningKeyResponseSchema,
  type SigningKey,
  SigningKeyState,
  StatementEffect,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { CommandError, exitCodes } from '../composition/exit-codes.ts';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeEnum, describeTime, sayJson, sayTable } from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing } from './context.ts';

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0)) throw new InvalidArgumentError('It has to be a number of seconds.');
  return seconds;
}

function showMigrations(migrations: readonly Migration[]): void {
  sayTable(
    ['MIGRATION', 'APPLIED'],
    migrations.map(({ name, applyTime }) => [name, describeTime(applyTime)]),
  );
}

/** The statements that `migrate up` would run, and what they cost at the present sizes. */
function showPlan(migrations: readonly Migration[]): void {
  const pending = migrations.filter(({ applied }) => !applied);
  if (pending.length === 0) {
    say('nothing to apply');
    return;
  }
  sayTable(
    ['MIGRATION', 'EFFECT', 'TABLE', 'ROWS', 'MB', 'ABOUT', 'STATEMENT'],
    pending.flatMap(({ name, statements }) =>
      statements.map(({ effect, table, rows, bytes, estimate, summary }) => [
        name,
        describeEnum(StatementEffect, effect),
        table,
        String(rows),
        String(Math.ceil(Number(bytes) / 1e6)),
        `${estimate?.seconds ?? 0} s`,
        summary.slice(0, 60),
      ]),
    ),
  );
  const stopping = pending.filter(({ needsStop }) => needsStop).map(({ name }) => name);
  if (stopping.length > 0) say(`stop every instance of the version before first: ${stopping.join(', ')}`);
}

function showSigningKeys(keys: readonly SigningKey[]): void {
  sayTable(
    ['ID', 'STATE', 'CREATED', 'SIGNS FROM'],
    keys.map(({ keyId, state, createTime, activateTime }) => [
      keyId,
      describeEnum(SigningKeyState, state),
      describeTime(createTime),
      describeTime(activateTime),
    ]),
  );
}

function showFindings(findings: readonly Finding[]): void {
  for (const { check, state, detail, fix } of findings) {
    say(`${describeEnum(FindingState, state).padEnd(8)} ${check.padEnd(22)} ${detail}`);
    if (fix !== '') say(`${' '.repeat(32)}→ ${fix}`);
  }
}

function assertHealthy(findings: readonly Finding[]): void {
  const errors = findings.filter(({ state }) => state === FindingState.ERROR).length;
  if (errors > 0)
    throw new CommandError(`${errors} of ${findings.length} checks failed`, exitCodes.unhealthy);
}

/** `manam migrate …` */
export function addMigrateCommands({ program, admin }: Cli): void {
  const migrate = program.command('migrate').description('the schema of the database');
  printing(migrate.command('status').description('list the migrations'), 'migrate status').action(
    (options: Output) =>
      admin('database', async (client) => {
        const answer = await client.listMigrations({});
        if (options.json) sayJson(ListMigrationsResponseSchema, answer);
        else showMigrations(answer.migrations);
      }),
  );
  const up = migrate
    .command('up')
    .description('apply what is missing')
    .option('--plan', 'show the statements and their cost, and apply nothing', false)
    .option('--stopped', 'every instance of an older version is stopped', false);
  type UpOptions = Output & { readonly stopped: boolean; readonly plan: boolean };
  printing(up, 'migrate up').action((options: UpOptions) =>
    admin('database', async (client) => {
      if (options.plan) {
        const answer = await client.listMigrations({});
        if (options.json) return sayJson(ListMigrationsResponseSchema, answer);
        return showPlan(answer.migrations);
      }
      const { migrations } = await client.applyMigrations({ stopped: options.stopped });
      const $typeName = 'manam.admin.v1.ListMigrationsResponse' as const;
      if (options.json) sayJson(ListMigrationsResponseSchema, { $typeName, migrations });
      else showMigrations(migrations);
    }),
  );
}

/** `manam signing-key …` and `manam master-key …` */
export function addDeploymentKeyCommands({
  program,
  admin,
  prepareNextMasterKey,
}: Cli & {
  /** Makes the next master key where it is in the data folder. The result puts it in use. */
  readonly prepareNextMasterKey: () => Promise<(() => void) | undefined>;
}): void {
  const signingKey = program
    .command('signing-key')
    .description('the keys that access tokens are signed with');
  printing(signingKey.command('list').description('list them'), 'signing-key list').action(
    (options: Output) =>
      admin('keys', async (client) => {
        const answer = await client.listSigningKeys({});
        if (options.json) sayJson(ListSigningKeysResponseSchema, answer);
        else showSigningKeys(answer.signingKeys);
      }),
  );
  destructive(
    printing(
      signingKey
        .command('rotate')
        .description('publish a new key now, which signs after the lead time')
        .option('--lead-seconds <seconds>', 'how long it is only published (default: 120)', parseSeconds)
        .option('--revoke-others', 'withdraw all other keys at once: every access token dies', false),
      'signing-key rotate',
    ),
  ).action(
    (options: Output & Destructive & { readonly leadSeconds?: number; readonly revokeOthers: boolean }) =>
      admin('keys', async (client) => {
        const { leadSeconds, revokeOthers, yes } = options;
        if (revokeOthers) await assertWanted('Withdraw every other key? All access tokens die.', yes);
        const answer = await client.rotateSigningKey({
          revokeOthers,
          ...(leadSeconds === undefined ? {} : { leadTime: durationFromMs(leadSeconds * 1000) }),
        });
        if (options.json) sayJson(RotateSigningKeyResponseSchema, answer);
        else if (answer.signingKey !== undefined) showSigningKeys([answer.signingKey]);
      }),
  );

  const masterKey = program.command('master-key').description('the key that seals all other keys');
  destructive(
    printing(
      masterKey.command('rotate').description('seal the data keys with MANAM_NEXT_MASTER_KEY'),
      'master-key rotate',
    ),
  ).action((options: Output & Destructive) =>
    (async () => {
      await assertWanted('Seal the data keys with the next master key?', options.yes);
      const takeOver = await prepareNextMasterKey();
      await admin('keys', async (client) => {
        const answer = await client.rotateMasterKey({});
        takeOver?.();
        if (options.json) return sayJson(RotateMasterKeyResponseSchema, answer);
        say(`sealed ${answer.dataKeys} data keys anew`);
        if (takeOver === undefined)
          say('Set MANAM_MASTER_KEY to the new key on every instance, then remove MANAM_NEXT_MASTER_KEY.');
      });
    })(),
  );
}

/** `manam doctor` */
export function addDoctorCommand({ program, admin }: Cli): void {
  printing(
    program.command('doctor').description('examine the deployment, with a fix for every finding'),
    'doctor',
  ).action((options: Output) =>
    admin('database', async (client) => {
      const answer = await client.diagnose({});
      if (options.json) sayJson(DiagnoseResponseSchema, answer);
      else showFindings(answer.findings);
      assertHealthy(answer.findings);
    }),
  );
}

/** `manam backup …` */
export function addBackupCommands({ program, admin }: Cli): void {
  const backup = program.command('backup').description('what a dump of the database is worth');
  printing(
    backup.command('check').description('examine a restored database: does it open, and what was lost'),
    'backup check',
  ).action(async (options: Output) => {
    const tell = (findings: Finding[]) => {
      const $typeName = 'manam.admin.v1.CheckBackupResponse' as const;
      if (options.json) sayJson(CheckBackupResponseSchema, { $typeName, findings });
      else showFindings(findings);
      assertHealthy(findings);
    };
    // With a master key that does not fit nothing more can be asked, and that is the finding.
    await admin('database', async (client) => {
      const { findings } = await client.diagnose({});
      const wrong = findings.filter(
        ({ check, state }) => /^(?:database|keys)/.test(check) && state === FindingState.ERROR,
      );
      if (wrong.length > 0) tell(wrong);
    });
    await admin('keys', async (client) => tell((await client.checkBackup({})).findings));
  });
}
