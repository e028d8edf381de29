import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { Option } from 'commander';
import {
  CreateTenantResponseSchema,
  GetTenantResponseSchema,
  ListTenantsResponseSchema,
  type Tenant,
  TenantState,
  UpdateTenantResponseSchema,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { say } from '../composition/terminal.ts';
import {
  assertWanted,
  describeEnum,
  describeTime,
  type Forgetting,
  readSecret,
  sayJson,
  sayTable,
} from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing, repeated } from './context.ts';
import { type PatchOptions, patchOf } from './patch.ts';

type PolicyOptions = PatchOptions & { readonly name?: string; readonly country?: string };

const pageSize = 1000;

function describeState({ state }: Tenant): string {
  return describeEnum(TenantState, state);
}

function show(tenant: Tenant | undefined): void {
  if (tenant === undefined) return;
  sayTable(
    ['ID', 'SLUG', 'NAME', 'STATE', 'CREATED'],
    [[tenant.tenantId, tenant.slug, tenant.name, describeState(tenant), describeTime(tenant.createTime)]],
  );
}

/** The merge patch of a policy. */
export function policyPatch({ country, ...options }: PolicyOptions): JsonObject | undefined {
  return patchOf(options, country === undefined ? {} : { defaultCountry: country, countries: [country] });
}

/** The paths that a patch sets, as lists of names: the name of a claim may contain dots. */
function pathsOf(patch: JsonObject, prefix: readonly string[] = []): string[][] {
  return Object.entries(patch).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
      ? pathsOf(value, [...prefix, name])
      : [[...prefix, name]],
  );
}

function valueAt(policy: JsonValue | undefined, path: readonly string[]): JsonValue {
  let value: JsonValue = policy ?? null;
  for (const name of path) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const held = (isObject ? value : {}) as JsonObject;
    value = Object.hasOwn(held, name) ? (held[name] ?? null) : null;
  }
  return value;
}

/** `manam tenant …` */
export function addTenantCommands({ program, admin }: Cli): void {
  const tenant = program.command('tenant').description('tenants and their policies');
  const withPolicy = (command: ReturnType<typeof tenant.command>) =>
    command
      .option('--name <name>', 'the name that people see')
      .option('--country <code>', 'the country, such as IR, of numbers without a calling code')
      .option('--set <path=value>', 'set a path of the policy; null goes back to the default', repeated)
      .option('--file <file>', 'a JSON merge patch of the policy');

  printing(
    withPolicy(tenant.command('create <slug>')).description('make a tenant'),
    'tenant create acme --name "Acme" --set senders.default=info@acme.com --set \'origins=["https://acme.com"]\'',
  ).action((slug: string, options: PolicyOptions & Output) =>
    admin('keys', async (client) => {
      const policy = policyPatch(options) ?? {};
      const answer = await client.createTenant({ slug, name: options.name ?? '', policy });
      if (options.json) sayJson(CreateTenantResponseSchema, answer);
      else show(answer.tenant);
    }),
  );

  printing(tenant.command('list').description('list all tenants'), 'tenant list --json').action(
    (options: Output) =>
      admin('keys', async (client) => {
        const tenants: Tenant[] = [];
        let pageToken = '';
        do {
          const page = await client.listTenants({ pageSize, pageToken });
          tenants.push(...page.tenants);
          pageToken = page.nextPageToken;
        } while (pageToken !== '');
        if (options.json) {
          const $typeName = 'manam.admin.v1.ListTenantsResponse' as const;
          sayJson(ListTenantsResponseSchema, { $typeName, tenants, nextPageToken: '' });
          return;
        }
        sayTable(
          ['SLUG', 'NAME', 'STATE', 'CREATED', 'ID'],
          tenants.map((each) => [
            each.slug,
            each.name,
            describeState(each),
            describeTime(each.createTime),
            each.tenantId,
          ]),
        );
      }),
  );

  printing(
    tenant.command('show <tenant>').description('show a tenant with its policy'),
    'tenant show acme',
  ).action((reference: string, options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.getTenant({ tenant: reference });
      if (options.json) return sayJson(GetTenantResponseSchema, answer);
      show(answer.tenant);
      say(`\n${JSON.stringify(answer.tenant?.policy, undefined, 2)}`);
    }),
  );

  printing(
    withPolicy(tenant.command('set <tenant>'))
      .description('change the name or the policy of a tenant')
      .addOption(
        new Option('--confined <true|false>', 'whether its messages reach its members alone').choices([
          'true',
          'false',
        ]),
      ),
    'tenant set acme --set requireSecondFactor=true --set \'countries=["IR","DE"]\'',
  ).action((reference: string, { confined, ...options }: PolicyOptions & Output & { confined?: string }) =>
    admin('keys', async (client) => {
      const policy = policyPatch(options);
      const answer = await client.updateTenant({
        tenant: reference,
        ...(confined === undefined ? {} : { confined: confined === 'true' }),
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(policy === undefined ? {} : { policy }),
      });
      if (options.json) return sayJson(UpdateTenantResponseSchema, answer);
      show(answer.tenant);
      for (const path of pathsOf(policy ?? {}))
        say(`${path.join('.')} = ${JSON.stringify(valueAt(answer.tenant?.policy, path))}`);
    }),
  );

  printing(
    tenant
      .command('secret <tenant> <name>')
      .description('keep a secret that the tenant has elsewhere; it is read from standard input')
      .option('--forget', 'forget the secret instead', false),
    'tenant secret acme google_client_secret < secret.txt',
  ).action((reference: string, name: string, options: Output & Forgetting) =>
    admin('keys', async (client) => {
      const value = readSecret(options);
      await client.setTenantSecret({ tenant: reference, name, value });
      say(options.json ? '{}' : value === '' ? 'forgotten' : 'kept');
    }),
  );

  destructive(
    printing(
      tenant.command('suspend <tenant>').description('refuse every key and every token of a tenant'),
      'tenant suspend acme',
    ),
  ).action((reference: string, options: Output & Destructive) =>
    admin('keys', async (client) => {
      await assertWanted(`Suspend ${reference}? Its users are locked out within seconds.`, options.yes);
      const answer = await client.suspendTenant({ tenant: reference });
      if (options.json) sayJson(GetTenantResponseSchema, { ...answer, $typeName: responseName });
      else show(answer.tenant);
    }),
  );

  printing(tenant.command('resume <tenant>').description('end a suspension'), 'tenant resume acme').action(
    (reference: string, options: Output) =>
      admin('keys', async (client) => {
        const answer = await client.resumeTenant({ tenant: reference });
        if (options.json) sayJson(GetTenantResponseSchema, { ...answer, $typeName: responseName });
        else show(answer.tenant);
      }),
  );

  destructive(
    printing(
      tenant.command('delete <tenant>').description('delete a suspended tenant with all its users'),
      'tenant delete acme',
    ),
  ).action((reference: string, options: Output & Destructive) =>
    admin('keys', async (client) => {
      const { tenant: found } = await client.getTenant({ tenant: reference });
      const question = `Delete ${found?.slug} (${found?.name}) with every user of it? This cannot be undone.`;
      await assertWanted(question, options.yes);
      let users = 0;
      for (let done = false; !done; ) {
        const answer = await client.deleteTenant({ tenant: reference });
        users += answer.deletedUsers;
        done = answer.done;
      }
      say(options.json ? JSON.stringify({ done: true, deleted_users: users }) : `deleted, ${users} users`);
    }),
  );
}

const responseName = 'manam.admin.v1.GetTenantResponse' as const;
