import { randomUUID } from 'node:crypto';
import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { beforeAll, expect, test } from 'vitest';
import { http } from '../../gen/google/api/annotations_pb.js';
import { access, KeyKind } from '../../gen/manam/options/v1/access_pb.js';
import { publicServices } from '../../src/contract/services.ts';
import { type Scope, scopes } from '../../src/domain/api-key.ts';
import { memberRoles } from '../../src/domain/member.ts';
import { useTestApp } from '../support/app.ts';
import { failureOf, shapeOf } from '../support/errors.ts';
import { makeMember, ofTenant, signUpAtManam, type TestMember } from '../support/members.ts';
import { protocols } from '../support/protocols.ts';
import { firstOf } from '../support/streams.ts';

/**
 * The intention, written by hand: which roles may call (viewer, support, developer, admin, owner), whether their
 * authentication has to be fresh, and the scope of a key that may.
 */
const intention: Readonly<Record<string, readonly [roles: string, fresh: boolean, scope: Scope | '']>> = {
  ListUsers: ['vsdao', false, 'users.read'],
  GetUser: ['vsdao', false, 'users.read'],
  CreateUser: ['ao', false, 'users.write'],
  InviteUser: ['sao', false, 'users.write'],
  UpdateUser: ['ao', false, 'users.write'],
  ConfirmUser: ['ao', true, 'users.credentials'],
  DisableUser: ['ao', false, 'users.write'],
  EnableUser: ['ao', false, 'users.write'],
  DeleteUser: ['ao', false, 'users.write'],
  SetUserPassword: ['ao', true, 'users.credentials'],
  SendUserRecovery: ['sao', false, 'users.write'],
  ResetUserAuthenticators: ['ao', true, 'users.credentials'],
  ImpersonateUser: ['sao', true, ''],
  ListUserSessions: ['vsdao', false, 'users.read'],
  EndUserSessions: ['sao', false, 'users.write'],
  ListUserEvents: ['vsdao', false, 'users.read'],
  StartUserJob: ['ao', true, 'users.write'],
  GetUserJob: ['vsdao', false, 'users.read'],
  ListUserJobs: ['vsdao', false, 'users.read'],
  CancelUserJob: ['ao', false, 'users.write'],
  GetTenant: ['vsdao', false, 'policy.read'],
  GetPolicy: ['vsdao', false, 'policy.read'],
  UpdatePolicy: ['ao', true, 'policy.write'],
  ListKeys: ['vsdao', false, 'keys.write'],
  CreateKey: ['ao', true, 'keys.write'],
  RotateKey: ['ao', true, 'keys.write'],
  RevokeKey: ['ao', true, 'keys.write'],
  ListApplications: ['vsdao', false, 'applications.write'],
  CreateApplication: ['dao', false, 'applications.write'],
  UpdateApplication: ['dao', false, 'applications.write'],
  DeleteApplication: ['dao', false, 'applications.write'],
  RotateApplicationSecret: ['dao', false, 'applications.write'],
  ListConnections: ['vsdao', false, 'connections.write'],
  SetConnection: ['ao', true, 'connections.write'],
  SetConnectionSecret: ['ao', true, 'connections.write'],
  DeleteConnection: ['ao', true, 'connections.write'],
  ListDomains: ['vsdao', false, 'policy.read'],
  AddDomain: ['ao', false, 'policy.write'],
  VerifyDomain: ['ao', false, 'policy.write'],
  RemoveDomain: ['ao', false, 'policy.write'],
  GetUsage: ['vsdao', false, 'usage.read'],
  ListMembers: ['vsdao', false, ''],
  InviteMember: ['ao', true, ''],
  RevokeInvitation: ['ao', false, ''],
  SetMemberRole: ['o', true, ''],
  RemoveMember: ['o', true, ''],
  LeaveTenant: ['vsdao', false, ''],
  DeleteTenant: ['o', true, ''],
  TransferOwnership: ['o', true, ''],
  CreateWebhook: ['dao', false, 'webhooks.write'],
  ListWebhooks: ['vsdao', false, 'webhooks.write'],
  GetWebhook: ['dao', false, 'webhooks.write'],
  UpdateWebhook: ['dao', false, 'webhooks.write'],
  DeleteWebhook: ['dao', false, 'webhooks.write'],
  RotateWebhookSecret: ['dao', false, 'webhooks.write'],
  EnableWebhook: ['dao', false, 'webhooks.write'],
  DisableWebhook: ['dao', false, 'webhooks.write'],
  TestWebhook: ['dao', false, 'webhooks.write'],
  ListWebhookDeliveries: ['vsdao', false, 'webhooks.write'],
  GetWebhookDelivery: ['dao', false, 'webhooks.write'],
  RetryWebhookDelivery: ['dao', false, 'webhooks.write'],
  ReplayEvents: ['dao', false, 'webhooks.write'],
  ListEvents: ['vsdao', false, 'events.read'],
  GetLogHead: ['vsdao', false, 'events.read'],
  ProveInclusion: ['vsdao', false, 'events.read'],
  ProveConsistency: ['vsdao', false, 'events.read'],
};

const testApp = useTestApp();
const all = Object.values(publicServices).flatMap((service) => service.methods);
const managed = all.filter((method) => getOption(method, access).members.length > 0);
const overWire = protocols.filter(({ name }) =>
  ['Connect, JSON, HTTP/1.1', 'gRPC by @grpc/grpc-js', 'gRPC-Web, Protobuf, HTTP/1.1'].includes(name),
);

/** The reasons for which the gate rejects; the flow itself may also fail, because the request is empty. */
const ofGate = new Set([
  'KEY_MISSING',
  'SECRET_KEY_REQUIRED',
  'SCOPE_REQUIRED',
  'SECRET_KEY_EXPOSED',
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'MEMBER_ROLE_REQUIRED',
  'MEMBER_FACTOR_REQUIRED',
  'REAUTHENTICATION_REQUIRED',
]);
const passes = '✓';

type HeaderValues = Readonly<Record<string, string>>;
let callers: Record<string, (method: DescMethod) => Promise<HeaderValues>> = {};

beforeAll(async () => {
  const { dev, createKey, sql } = testApp();
  const makeStale = async () => {
    const made = await makeMember(testApp(), 'owner');
    await sql('UPDATE sessions SET auth_time = auth_time - INTERVAL 6 MINUTE WHERE user_id = UNHEX(?)', [
      made.userId.replaceAll('-', ''),
    ]);
    return made;
  };
  /** A member whose session stays, made anew for the call that ends the membership. */
  const member = (make: () => Promise<TestMember>) => {
    const shared = make();
    return async ({ name }: DescMethod) => (await (name === 'LeaveTenant' ? make() : shared)).headers;
  };
  const keys = new Map<string, string>();
  const keyFor = async (method: DescMethod, has: boolean) => {
    const { scope } = getOption(method, access);
    const name = `${has} ${scope}`;
    const own = scopes.filter((each) => (each === scope) === has);
    const text = keys.get(name) ?? (await createKey('secret', own));
    keys.set(name, text);
    return { 'x-api-key': text };
  };
  callers = {
    ...Object.fromEntries(memberRoles.map((role) => [role, member(() => makeMember(testApp(), role))])),
    'owner, not fresh': member(makeStale),
    'key with the scope': (method) => keyFor(method, true),
    'key with all other scopes': (method) => keyFor(method, false),
    'publishable key': async () => ({ 'x-api-key': dev.publishable }),
    'key from a page': async () => ({ 'x-api-key': dev.secret, origin: 'http://localhost:3000' }),
  };
});

type AnyCall = (request: object) => Promise<unknown> | AsyncIterable<unknown>;

/** The whole failure of a call with an empty request over each protocol; undefined: it succeeded. */
async function outcomes(method: DescMethod, headers: () => Promise<HeaderValues>) {
  const found: { reason: string | undefined; fields: string[] }[] = [];
  for (const { connect } of overWire) {
    const client = connect(method.parent, testApp().url, await headers()) as Record<string, AnyCall>;
    const error = await firstOf(client[method.localName]?.({})).then(
      () => undefined,
      (thrown: unknown) => shapeOf(thrown),
    );
    found.push({ reason: error?.reason, fields: Object.keys(error?.fields ?? {}) });
  }
  const { pattern } = getOption(method, http);
  const path = String(pattern.value).replaceAll(/\{\w+\}/g, randomUUID());
  const response = await fetch(testApp().url + path, {
    method: String(pattern.case).toUpperCase(),
    headers: await headers(),
  });
  const body = (await response.json()) as { reason?: string; errors?: object };
  found.push({ reason: body.reason, fields: Object.keys(body.errors ?? {}) });
  return found;
}

function verdictOf({ reason, fields }: { reason: string | undefined; fields: string[] }): string {
  if (fields.includes('manam-tenant')) return 'REQUEST_INVALID';
  return reason !== undefined && ofGate.has(reason) ? reason : passes;
}

test('every call of the management has its line in the intention', () => {
  expect(managed.map(({ name }) => name).sort()).toEqual(Object.keys(intention).sort());
});

test('every role, key and scope opens what is intended over every protocol, as the document lists', async () => {
  const rows: string[] = [];
  const names = Object.keys(callers);
  for (const method of managed) {
    const [roles, fresh, scope] = intention[method.name] ?? ['', false, ''];
    const cells: string[] = [];
    for (const name of names) {
      const found = await outcomes(method, () => callers[name]?.(method) ?? Promise.resolve({}));
      const verdicts = [...new Set(found.map(verdictOf))];
      expect(verdicts, `${method.name} by ${name}: ${JSON.stringify(found)}`).toHaveLength(1);
      cells.push(verdicts[0] === passes ? passes : `\`${verdicts[0]}\``);
    }
    const wanted = [
      ...memberRoles.map((role) => roles.includes(role.slice(0, 1))),
      !fresh,
      scope !== '',
      false,
      false,
      false,
    ];
    expect(
      cells.map((cell) => cell === passes),
      `${method.name}: ${cells.join(' ')}`,
    ).toEqual(wanted);
    rows.push(`| ${method.parent.name}/${method.name} | ${cells.join(' | ')} |`);
  }
  const page = [
    '# Access to the management calls',
    '',
    'Generated by `test/attack/management-matrix.test.ts` from real calls over Connect, gRPC, gRPC-Web and REST, which all agree,',
    'and compared with an intention that is written by hand. ✓: the caller passes the gate; otherwise the reason of the',
    'rejection. A new RPC has no row, and the test fails until it has one: `npx vitest run test/attack/management-matrix.test.ts -u`.',
    '',
    `| RPC | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...rows,
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/management-matrix.md');
}, 300_000);

test('a tenant that does not exist and one that a user has no part in are the same to them', async () => {
  const stranger = await signUpAtManam(testApp());
  const owner = await makeMember(testApp(), 'owner');
  for (const method of managed) {
    const failures = [];
    for (const headers of [
      ofTenant(stranger, 'dev'),
      ofTenant(stranger, 'nowhere'),
      ofTenant(stranger, 'manam'),
      ofTenant(owner, 'nowhere'),
      ofTenant(owner, 'manam'),
    ])
      failures.push(...(await outcomes(method, async () => headers)));
    expect(new Set(failures.map(({ reason }) => reason)), method.name).toEqual(new Set(['NOT_FOUND']));
  }
}, 120_000);

test('the header counts on no other call, and beside no key', async () => {
  const { headers } = await makeMember(testApp(), 'owner');
  const others = all.filter((method) => {
    const { members, key } = getOption(method, access);
    return members.length === 0 && key !== KeyKind.APPLICATION;
  });
  const withKey = { ...headers, 'x-api-key': testApp().dev.secret };
  for (const [methods, sent] of [
    [others, headers],
    [managed, withKey],
  ] as const)
    for (const method of methods) {
      const client = overWire[0]?.connect(method.parent, testApp().url, sent) as Record<string, AnyCall>;
      expect(await failureOf(firstOf(client[method.localName]?.({}))), method.name).toMatchObject({
        code: 'InvalidArgument',
        fields: { 'manam-tenant': 'FIELD_INVALID' },
      });
    }
});
