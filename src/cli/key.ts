import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  CreateAdminKeyResponseSchema,
  CreateKeyResponseSchema,
  ListAdminKeysResponseSchema,
  ListKeysResponseSchema,
  RotateKeyResponseSchema,
  TenantKeyKind,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { say } from '../composition/terminal.ts';
import { scopes } from '../domain/api-key.ts';
import { dayMs } from '../domain/duration.ts';
import { assertWanted, describeEnum, describeTime, sayJson, sayTable } from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing, repeated } from './context.ts';

type CreateOptions = Output & {
  readonly tenant: string;
  readonly kind: 'publishable' | 'secret';
  readonly name: string;
  readonly scope?: readonly string[];
  readonly origin?: readonly string[];
  readonly application: string;
  readonly network?: readonly string[];
  readonly days?: number;
};

function parseDays(text: string): number {
  const days = Number(text);
  if (!(days > 0)) throw new InvalidArgumentError('It has to be a number of days.');
  return days;
}

export function parseHours(text: string): number {
  const hours = Number(text);
  if (!(hours >= 0)) throw new InvalidArgumentError('It has to be a number of hours.');
  return hours;
}

function ofTenant(command: Command): Command {
  return command.requiredOption('--tenant <tenant>', 'the tenant, by slug or id');
}

/** The text of a new key, which nothing shows again. */
function showOnce(text: string): void {
  say(text);
  say('Keep it: only its digest is stored, and it is not shown again.');
}

/** `manam key …` */
export function addKeyCommands({ program, admin }: Cli): void {
  const key = program.command('key').description('the keys of tenants');

  printing(
    ofTenant(key.command('create'))
      .description('make a key')
      .addOption(
        new Option('--kind <kind>', 'what it is for')
          .choices(['publishable', 'secret'])
          .makeOptionMandatory(),
      )
      .option('--name <name>', 'a name for people', '')
      .option('--scope <scope>', `what a secret key may do: ${scopes.join(', ')}`, repeated)
      .option(
        '--origin <origin>',
        'the pages that a publishable key is good in; default: all of the policy',
        repeated,
      )
      .option(
        '--application <client-id>',
        'an application with whose origins the key is good, and with which it ends',
        '',
      )
      .option(
        '--network <network>',
        'where a secret key is good from, such as 192.0.2.0/24; default: anywhere',
        repeated,
      )
      .option('--days <days>', 'its lifetime; default: until it is revoked', parseDays),
    'key create --tenant acme --kind secret --scope users.read',
  ).action((options: CreateOptions) =>
    admin('keys', async (client) => {
      const kind = options.kind === 'secret' ? TenantKeyKind.SECRET : TenantKeyKind.PUBLISHABLE;
      const answer = await client.createKey({
        tenant: options.tenant,
        kind,
        name: options.name,
        scopes: [...(options.scope ?? [])],
        origins: [...(options.origin ?? [])],
        clientId: options.application,
        networks: [...(options.network ?? [])],
        ...(options.days !== undefined && {
          expireTime: timestampFromMs(Date.now() + options.days * dayMs),
        }),
      });
      if (options.json) sayJson(CreateKeyResponseSchema, answer);
      else showOnce(answer.text);
    }),
  );

  printing(
    ofTenant(key.command('list')).description('list the keys of a tenant'),
    'key list --tenant acme',
  ).action((options: Output & { readonly tenant: string }) =>
    admin('keys', async (client) => {
      const answer = await client.listKeys({ tenant: options.tenant });
      if (options.json) return sayJson(ListKeysResponseSchema, answer);
      sayTable(
        ['ID', 'NAME', 'KIND', 'SCOPES', 'CREATED', 'LAST USE', 'ENDS'],
        answer.keys.map(({ keyId, name, kind, scopes, createTime, lastUseTime, expireTime, revokeTime }) => [
          keyId,
          name || '-',
          describeEnum(TenantKeyKind, kind),
          scopes.join(' ') || '-',
          describeTime(createTime),
          describeTime(lastUseTime),
          describeTime(revokeTime ?? expireTime),
        ]),
      );
    }),
  );

  printing(
    ofTenant(key.command('rotate <key-id>'))
      .description('make the successor of a key; both are good for a while')
      .option('--overlap-hours <hours>', 'how long the old key stays good', parseHours, 24),
    'key rotate 0198f0c2-… --tenant acme --overlap-hours 48',
  ).action((keyId: string, options: Output & { readonly tenant: string; readonly overlapHours: number }) =>
    admin('keys', async (client) => {
      const overlap = durationFromMs(options.overlapHours * 3_600_000);
      const answer = await client.rotateKey({ tenant: options.tenant, keyId, overlap });
      if (options.json) sayJson(RotateKeyResponseSchema, answer);
      else showOnce(answer.text);
    }),
  );

  destructive(
    printing(
      ofTenant(key.command('revoke <key-id>')).description('refuse a key from now on'),
      'key revoke 0198f0c2-… --tenant acme',
    ),
  ).action((keyId: string, options: Output & Destructive & { readonly tenant: string }) =>
    admin('keys', async (client) => {
      await assertWanted(`Revoke ${keyId}? Whoever uses it is refused within seconds.`, options.yes);
      await client.revokeKey({ tenant: options.tenant, keyId });
      say(options.json ? '{}' : 'revoked');
    }),
  );
}

/** `manam admin-key …` */
export function addAdminKeyCommands({ program, admin }: Cli): void {
  const key = program.command('admin-key').description('the keys of operators, for the admin service');

  printing(
    key.command('create <name>').description('make a key'),
    'admin-key create "deploy pipeline"',
  ).action((name: string, options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.createAdminKey({ name });
      if (options.json) sayJson(CreateAdminKeyResponseSchema, answer);
      else showOnce(answer.text);
    }),
  );

  printing(key.command('list').description('list them'), 'admin-key list').action((options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.listAdminKeys({});
      if (options.json) return sayJson(ListAdminKeysResponseSchema, answer);
      sayTable(
        ['ID', 'NAME', 'CREATED', 'REVOKED'],
        answer.adminKeys.map((each) => [
          each.keyId,
          each.name,
          describeTime(each.createTime),
          describeTime(each.revokeTime),
        ]),
      );
    }),
  );

  destructive(
    printing(
      key.command('revoke <key-id>').description('refuse a key at once'),
      'admin-key revoke 0198f0c2-…',
    ),
  ).action((keyId: string, options: Output & Destructive) =>
    admin('keys', async (client) => {
      await assertWanted(`Revoke ${keyId}?`, options.yes);
      await client.revokeAdminKey({ keyId });
      say(options.json ? '{}' : 'revoked');
    }),
  );
}
