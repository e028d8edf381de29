import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { systemRandom } from '../../src/adapters/random.ts';
import { type Retained, retained } from '../../src/domain/retention.ts';
import { sha256 } from '../../src/domain/token.ts';
import { createDispatcher } from '../../src/flows/delivery/dispatch.ts';
import { createMessageSenders } from '../../src/flows/delivery/message-senders.ts';
import { createPurge } from '../../src/flows/retention/purge.ts';
import { type Admin, connectAdmin } from '../support/admin.ts';
import { freshEmail, password, startTestApp, type TestApp } from '../support/app.ts';
import { startDns, type TestDns } from '../support/dns.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, type SignedIn } from '../support/journey.ts';
import { ofTenant, signUpAtManam } from '../support/members.ts';

let dns: TestDns;
let test0: TestApp;
let admin: Admin;
beforeAll(async () => {
  dns = await startDns();
  test0 = await startTestApp({ config: { dnsServers: [dns.server], admin: { host: '127.0.0.1', port: 0 } } });
  admin = await connectAdmin(test0);
});
afterAll(async () => {
  await test0.close();
  dns.close();
});

const atManam = ({ accessToken }: SignedIn) => test0.client(ManagementService, bearer(accessToken));
const byOwner = (owner: SignedIn, slug: string) => test0.client(ManagementService, ofTenant(owner, slug));
let made = 0;
const freshSlug = () => {
  made += 1;
  return `shop-no-${made}`;
};

async function makeTenant() {
  const owner = await signUpAtManam(test0);
  const slug = freshSlug();
  const answer = await atManam(owner).createTenant({ slug, name: 'My shop' });
  return { owner, slug, ...answer };
}

/** Proves a domain for a tenant. */
async function prove(owner: SignedIn, slug: string, name: string) {
  const { domain } = await byOwner(owner, slug).addDomain({ domain: name });
  dns.records.set(domain?.recordName ?? '', ['v=spf1 -all', domain?.recordContent ?? '']);
  return await byOwner(owner, slug).verifyDomain({ domain: name });
}

test('a user of Manam makes a tenant, owns it, and its first user registers by its key', async () => {
  const { owner, slug, tenant, publishableKey, secretKey } = await makeTenant();
  expect(tenant).toMatchObject({ slug, name: 'My shop', role: 'owner' });
  expect((await byOwner(owner, slug).listMembers({})).members).toMatchObject([
    { userId: owner.userId, role: 'owner' },
  ]);
  await test0.client(AuthService, { apieco_key: publishableKey }).register({ email: freshEmail(), password });
  const { users } = await test0.client(ManagementService, { 'x-api-key': secretKey }).listUsers({});
  expect(users).toHaveLength(1);
  expect((await byOwner(owner, slug).getPolicy({})).confined).toBe(true);
});

test.each([
  ['admin', 'Shop', 'slug'],
  ['my-manam', 'Shop', 'slug'],
  ['m4nam-login', 'Shop', 'slug'],
  ['rnanam-id', 'Shop', 'slug'],
  ['abc', 'Shop', 'slug'],
  ['a--bcd', 'Shop', 'slug'],
  ['Shop', 'Shop', 'slug'],
  ['fair-shop', 'Manam', 'name'],
  ['fair-shop', 'Mаnаm support', 'name'],
  ['fair-shop', 'M a n a m', 'name'],
  ['fair-shop', 'ＭＡＮＡＭ', 'name'],
  ['fair-shop', 'Pаypal', 'name'],
  ['fair-shop', 'ΜΑΝΑΜ', 'name'],
  ['fair-shop', 'Mánam', 'name'],
  ['fair-shop', 'mạnạm', 'name'],
  ['fair-shop', 'ꓟꓮꓠꓮꓟ', 'name'],
  ['fair-shop', 'ᎷᎪNᎪᎷ', 'name'],
  ['fair-shop', 'ᴍᴀɴᴀᴍ', 'name'],
  ['fair-shop', 'M@nam', 'name'],
  ['fair-shop', 'مانام', 'name'],
  ['fair-shop', 'مـانـام ورود', 'name'],
  ['fair-shop', 'Shop\u202eevil', 'name'],
  ['fair-shop', 'Your account is locked: https://evil.example/login', 'name'],
  ['fair-shop', '', 'name'],
])('the slug %s with the name %s is refused for its %s', async (slug, name, field) => {
  const owner = await signUpAtManam(test0);
  const failure = await failureOf(atManam(owner).createTenant({ slug, name }));
  expect(failure.reason).toBe('REQUEST_INVALID');
  expect(Object.keys(failure.fields ?? {})).toEqual([field]);
});

test('names in any one script are fine', async () => {
  const owner = await signUpAtManam(test0);
  for (const name of ['فروشگاه پروین', 'Магазин', 'Café São Paulo', '東京ショップ'])
    expect((await atManam(owner).createTenant({ slug: freshSlug(), name })).tenant?.name).toBe(name);
});

test('a slug is taken once, and a person owns five tenants at most, however many calls come at once', async () => {
  const { slug } = await makeTenant();
  const owner = await signUpAtManam(test0);
  expect(await failureOf(atManam(owner).createTenant({ slug, name: 'Shop' }))).toMatchObject({
    code: 'AlreadyExists',
    reason: 'SLUG_TAKEN',
  });
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, () => atManam(owner).createTenant({ slug: freshSlug(), name: 'Shop' })),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  expect(await failureOf(atManam(owner).createTenant({ slug: freshSlug(), name: 'Shop' }))).toMatchObject({
    reason: 'TENANT_LIMIT',
  });
});

test('messages of a confined tenant reach its members and no one else', async () => {
  const { owner, publishableKey, tenant } = await makeTenant();
  const stranger = freshEmail();
  for (const email of [owner.email, stranger])
    await test0.client(AuthService, { apieco_key: publishableKey }).register({ email, password });
  const sent: string[] = [];
  const transport = {
    send: async ({ message }: { message: { to: string } }) => void sent.push(message.to),
    probe: async () => {},
    close: () => {},
  };
  const { store } = test0.app;
  const senders = createMessageSenders({
    store,
    transports: { email: transport, sms: transport },
    smsGuard: { chargeNotice: async () => true },
    clock: test0.now,
  });
  const dispatcher = createDispatcher({
    store,
    senders,
    clock: test0.now,
    observe: () => {},
    onError: (error) => {
      throw error;
    },
  });
  while ((await dispatcher.runOnce('email')) > 0);
  expect(sent).toContain(owner.email);
  expect(sent).not.toContain(stranger);
  const rows = await store.outbox.list(
    { tenantId: tenant?.tenantId ?? '', status: 'dropped', afterId: undefined },
    10,
  );
  expect(rows.map(({ error }) => error)).toEqual(['SENDER_UNPROVED']);
});

test('a confined tenant changes no words and no sender; with a proved sender it is free', async () => {
  const { owner, slug } = await makeTenant();
  const client = byOwner(owner, slug);
  const templates = { recover: { en: { subject: 'S', paragraphs: ['P'], action: 'A' } } };
  const senders = { default: 'hello@mail.shop.example', addresses: ['hello@mail.shop.example'] };
  for (const policy of [{ templates }, { senders }, { sms: { dailyMessages: 5 } }])
    expect(await failureOf(client.updatePolicy({ policy }))).toMatchObject({ reason: 'POLICY_FIELD_DENIED' });
  expect((await prove(owner, slug, 'shop.example')).domain?.verified).toBe(true);
  expect(
    await failureOf(client.updatePolicy({ policy: { senders: { ...senders, default: 'a@other.example' } } })),
  ).toMatchObject({ reason: 'POLICY_FIELD_DENIED' });
  expect(
    await failureOf(
      client.updatePolicy({ policy: { senders: { ...senders, default: 'a@evilshop.example' } } }),
    ),
  ).toMatchObject({ reason: 'POLICY_FIELD_DENIED' });
  await client.updatePolicy({ policy: { senders } });
  const { confined, operatorFields } = await client.getPolicy({});
  expect([confined, operatorFields.includes('templates')]).toEqual([false, false]);
  await client.updatePolicy({ policy: { templates } });
  await client.updatePolicy({ policy: { passkeys: { rpId: 'shop.example' } } });
  expect(
    await failureOf(client.updatePolicy({ policy: { passkeys: { rpId: 'bank.example' } } })),
  ).toMatchObject({ reason: 'POLICY_FIELD_DENIED' });
});

test('a domain is proved by its own record alone, and forgotten', async () => {
  const { owner, slug } = await makeTenant();
  const other = await makeTenant();
  const client = byOwner(owner, slug);
  const { domain } = await client.addDomain({ domain: 'Bücher.example' });
  expect(domain).toMatchObject({
    domain: 'xn--bcher-kva.example',
    verified: false,
    recordName: '_manam-challenge.xn--bcher-kva.example',
  });
  const name = 'bücher.example';
  const unproved = { code: 'FailedPrecondition', reason: 'DOMAIN_UNPROVED' };
  expect(await failureOf(client.verifyDomain({ domain: name }))).toMatchObject(unproved);
  dns.records.set(domain?.recordName ?? '', ['something else']);
  expect(await failureOf(client.verifyDomain({ domain: name }))).toMatchObject(unproved);
  // Another tenant's proof is none of ours.
  const foreign = await byOwner(other.owner, other.slug).addDomain({ domain: name });
  dns.records.set(domain?.recordName ?? '', [foreign.domain?.recordContent ?? '']);
  expect(await failureOf(client.verifyDomain({ domain: name }))).toMatchObject(unproved);
  dns.records.set(domain?.recordName ?? '', ['x', domain?.recordContent ?? '']);
  expect((await client.verifyDomain({ domain: name })).domain?.verified).toBe(true);
  expect((await client.addDomain({ domain: name })).domain?.verified).toBe(true);
  expect((await client.listDomains({})).domains).toHaveLength(1);
  await client.removeDomain({ domain: name });
  expect(await failureOf(client.verifyDomain({ domain: name }))).toMatchObject({ reason: 'NOT_FOUND' });
  for (const domain of ['localhost', 'a b.example', '127.0.0.1', 'x'.repeat(70), '-a.example'])
    expect(await failureOf(client.addDomain({ domain }))).toMatchObject({
      fields: { domain: 'FIELD_INVALID' },
    });
});

test('a tenant has twenty domains at most', async () => {
  const { owner, slug } = await makeTenant();
  for (let index = 0; index < 20; index += 1)
    await byOwner(owner, slug).addDomain({ domain: `d${index}.example` });
  expect(await failureOf(byOwner(owner, slug).addDomain({ domain: 'more.example' }))).toMatchObject({
    reason: 'DOMAIN_LIMIT',
  });
});

test('an operator frees a tenant', async () => {
  const { owner, slug } = await makeTenant();
  expect((await admin.getTenant({ tenant: slug })).tenant?.confined).toBe(true);
  expect((await admin.updateTenant({ tenant: slug, confined: false })).tenant?.confined).toBe(false);
  expect((await byOwner(owner, slug).getPolicy({})).confined).toBe(false);
});

test('where tenants are made by invitation, an invited person makes one, once', async () => {
  const invited = await startTestApp({ sibling: test0, config: { developerSignUp: 'invitation' } });
  const owner = await signUpAtManam(test0);
  const client = invited.client(ManagementService, bearer(owner.accessToken));
  const denied = { code: 'PermissionDenied', reason: 'TENANT_SIGN_UP_DENIED' };
  expect(await failureOf(client.createTenant({ slug: freshSlug(), name: 'Shop' }))).toMatchObject(denied);
  await admin.inviteDeveloper({ email: owner.email });
  const messages = await test0.messagesTo(owner.email);
  expect(messages.map(({ link }) => link)).toContainEqual(expect.stringMatching(/\/console\/-\/new$/));
  await client.createTenant({ slug: freshSlug(), name: 'Shop' });
  expect(await failureOf(client.createTenant({ slug: freshSlug(), name: 'Shop' }))).toMatchObject(denied);
  await invited.close();
});

test('where no one makes tenants, no invitation helps, and users of other tenants never do', async () => {
  const closed = await startTestApp({ sibling: test0, config: { developerSignUp: 'off' } });
  const owner = await signUpAtManam(test0);
  await admin.inviteDeveloper({ email: owner.email });
  expect(
    await failureOf(
      closed
        .client(ManagementService, bearer(owner.accessToken))
        .createTenant({ slug: freshSlug(), name: 'Shop' }),
    ),
  ).toMatchObject({ reason: 'TENANT_SIGN_UP_DENIED' });
  await closed.close();
});

test('an owner gives a tenant up: it is closed at once, comes back by an operator, and is purged after a month', async () => {
  const { owner, slug, secretKey, tenant } = await makeTenant();
  const client = byOwner(owner, slug);
  expect(await failureOf(client.deleteTenant({ slug: 'another' }))).toMatchObject({
    fields: { slug: 'FIELD_INVALID' },
  });
  const { purgeTime } = await client.deleteTenant({ slug });
  const seconds = BigInt(Math.floor(test0.now().getTime() / 1000) + 30 * 86_400);
  expect(Number((purgeTime?.seconds ?? 0n) - seconds)).toBeCloseTo(0, -2);
  const tenantId = tenant?.tenantId ?? '';
  const { store } = test0.app;
  expect(await store.tenants.findByKeyDigest(sha256(secretKey), test0.now())).toBeUndefined();
  expect((await atManam(owner).listMyTenants({})).tenants).toEqual([]);
  // Who has given it up need not wait for its purge to be erased.
  const leaving = await makeTenant();
  const account = () => test0.client(ProfileService, bearer(leaving.owner.accessToken)).deleteAccount({});
  expect(await failureOf(account())).toMatchObject({ reason: 'LAST_OWNER' });
  await byOwner(leaving.owner, leaving.slug).deleteTenant({ slug: leaving.slug });
  expect((await account()).receipt).not.toBe('');
  const purge = createPurge({
    store,
    retention: Object.fromEntries(retained.map((what) => [what, 36_500])) as Record<Retained, number>,
    clock: test0.now,
    random: systemRandom,
    rest: async () => {},
    isStopping: () => false,
    onError: (error) => {
      throw error;
    },
  });
  await admin.resumeTenant({ tenant: slug });
  expect((await store.tenants.findById(tenantId))?.deletedAt).toBeUndefined();
  await store.tenants.update(tenantId, {
    status: 'suspended',
    deletedAt: new Date(test0.now().getTime() - 29 * 86_400_000),
  });
  await purge();
  expect(await store.tenants.findById(tenantId)).toBeDefined();
  await store.tenants.update(tenantId, { deletedAt: new Date(test0.now().getTime() - 31 * 86_400_000) });
  const closedToday = await makeTenant();
  await byOwner(closedToday.owner, closedToday.slug).deleteTenant({ slug: closedToday.slug });
  await purge();
  expect(await store.tenants.findById(closedToday.tenant?.tenantId ?? '')).toBeDefined();
  expect(await store.tenants.findById(tenantId)).toBeUndefined();
  expect(await store.members.listOfUser(owner.userId)).toEqual([]);
});

test('revoking invitations does not raise the daily limit of a confined tenant', async () => {
  const { owner, slug } = await makeTenant();
  const client = byOwner(owner, slug);
  const reasons: string[] = [];
  for (let round = 0; round < 31; round += 1) {
    const outcome = await client.inviteMember({ email: freshEmail(), role: 'viewer' }).then(
      async ({ invitation }) => {
        await client.revokeInvitation({ invitationId: invitation?.invitationId ?? '' });
        return 'sent';
      },
      async (error: unknown) => (await failureOf(Promise.reject(error))).reason,
    );
    reasons.push(outcome ?? '');
  }
  expect(reasons).toEqual([...Array.from({ length: 30 }, () => 'sent'), 'RATE_LIMITED']);
});
