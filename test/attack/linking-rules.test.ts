import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { EmulatedUser } from '../../src/dev/emulated-providers.ts';
import type { ConnectionSettings, ForeignKind } from '../../src/domain/connection.ts';
import { freshEmail, password } from '../support/app.ts';
import type { FederatedApp } from '../support/federation.ts';
import { enrolTotp, register, type SignedIn, signUpByMobile } from '../support/journey.ts';
import { connect, freshUser, link, signInAt, startConnectedApp } from '../support/providers.ts';

// The table of docs/federation.md is run row by row: who says what of an address, what account has it here,
// and what comes of that.

let app: FederatedApp;
beforeAll(async () => {
  app = await startConnectedApp();
});
afterAll(() => app.close());
beforeEach(() => {
  for (const kind of ['oidc', 'apple'] as const) app.emulators.of(kind).beHonest();
});

const document = readFileSync(new URL('../../docs/federation.md', import.meta.url), 'utf8');
const [, table = ''] = /<!-- linking rules -->\n([\s\S]*)<!-- end of linking rules -->/.exec(document) ?? [];
const rows = table
  .trim()
  .split('\n')
  .slice(2)
  .map(
    (line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()) as [string, string, string, string],
  );

const shared = 'https://login.microsoftonline.com/common/v2.0';
/** The kind of a provider of the table, and the connection with it. */
const connections: Record<string, [ForeignKind, (domain: string) => Partial<ConnectionSettings>]> = {
  Google: ['google', () => ({})],
  Apple: ['apple', () => ({})],
  'Microsoft, one directory': ['microsoft', () => ({})],
  'Microsoft, all directories': ['microsoft', () => ({ issuer: shared })],
  GitHub: ['github', () => ({})],
  Facebook: ['facebook', () => ({})],
  LinkedIn: ['linkedin', () => ({})],
  OpenID: ['oidc', () => ({})],
  'OpenID, of its domain': ['oidc', (domain) => ({ domains: [domain] })],
  'OpenID, trusted for its domain': ['oidc', (domain) => ({ domains: [domain], trustDomains: true })],
  'OpenID, trusted with the second factor': [
    'oidc',
    (domain) => ({ domains: [domain], secondFactor: 'trust' }),
  ],
  'OpenID, of another domain': ['oidc', () => ({ domains: ['another.example'] })],
  'OpenID, verified only': ['oidc', () => ({ verifiedOnly: true })],
  'OpenID, no new accounts': ['oidc', () => ({ createAccounts: false })],
};

/** The accounts that an address may have here. */
const accounts: Record<string, (email: string, kind: ForeignKind, user: EmulatedUser) => Promise<void>> = {
  none: async () => {},
  confirmed: async (email) => void (await confirmed(email)),
  unproved: async (email) => void (await register(app.test, email)),
  'connected there before': async (email, kind, user) => {
    const { accessToken } = await confirmed(email);
    await link(app, kind, accessToken, { ...user, sub: `${user.sub}-before` });
  },
  'connected elsewhere': async (email) => {
    const { accessToken } = await confirmed(email);
    await link(app, 'linkedin', accessToken, freshUser());
  },
  disabled: async (email) => {
    const { userId } = await confirmed(email);
    await app.test.sql("UPDATE users SET status = 'disabled' WHERE id = UNHEX(REPLACE(?, '-', ''))", [
      userId,
    ]);
  },
  'second factor': async (email) => void (await enrolTotp(app.test, await confirmed(email))),
  'claimed beside a proved address': async (email) => {
    const { userId } = await signUpByMobile(app.test);
    await app.test.sql(
      "INSERT INTO identifiers SELECT tenant_id, 'email', ?, user_id, ?, NULL, NOW(3) FROM identifiers WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
      [email, email, userId],
    );
  },
};

async function confirmed(email: string): Promise<SignedIn> {
  const auth = app.test.client(AuthService);
  await auth.confirmEmail({ cnf: await register(app.test, email) });
  const { tokens, userId } = await auth.login({ email, password });
  return { email, userId, accessToken: tokens?.accessToken ?? '', refreshToken: tokens?.refreshToken ?? '' };
}

test('the table has rows', () => expect(rows.length).toBeGreaterThan(40));

test.each(rows)('%s · %s · %s · %s', async (provider, says, account, outcome) => {
  const [kind, settingsFor] = connections[provider] ?? [];
  const prepare = accounts[account];
  if (kind === undefined || settingsFor === undefined || prepare === undefined)
    throw new Error(`no such case: ${provider}, ${account}`);
  const isHosted = says === 'hosts it';
  const email = isHosted ? freshEmail().replace(/@.*/, '@gmail.com') : freshEmail();
  const user = freshUser({ email, email_verified: isHosted || says === 'verified' });
  if (says === 'nothing' || says === 'the text "true"') {
    // In its ID tokens and at its userinfo endpoint.
    const emulator = app.emulators.of('oidc');
    const change = ({ email_verified: _, ...claims }: Record<string, unknown>) =>
      says === 'nothing' ? claims : { ...claims, email_verified: 'true' };
    emulator.tamper = change;
    emulator.tamperProfile = (profile) => change({ ...profile });
  }
  await prepare(email, kind, user);
  if (kind !== 'google') await connect(app, kind, settingsFor(email.split('@')[1] ?? ''));
  const before = await owner(email);
  const { json } = await signInAt(app, kind, user);
  const after = await owner(email);
  expect(await outcomeOf(json, before, after)).toBe(outcome);
  await connect(app, kind === 'google' ? 'oidc' : kind);
});

/** The user who has proved an address, or else claims it. */
async function owner(email: string): Promise<string> {
  const [row] = await app.test.sql(
    'SELECT LOWER(HEX(user_id)) AS id FROM identifiers WHERE canonical = ? ORDER BY confirmed_at IS NULL LIMIT 1',
    [email],
  );
  return String(row?.['id'] ?? '');
}

/** What came of a sign-in, in the words of the table. */
async function outcomeOf(json: Record<string, unknown>, before: string, after: string): Promise<string> {
  if (json['reason'] !== undefined) return String(json['reason']);
  if (json['two_factor_token'] !== undefined) return 'second factor';
  const opened = String(json['user_id']).replaceAll('-', '');
  if (opened !== after) throw new Error('the address belongs to someone else');
  if (before !== after) return 'a new account';
  const [row] = await app.test.sql(
    "SELECT COUNT(*) AS n FROM events WHERE user_id = UNHEX(?) AND type = 'user.taken_over'",
    [opened],
  );
  return Number(row?.['n']) > 0 ? 'handed over' : 'opens, connected';
}
