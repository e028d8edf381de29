import { randomUUID } from 'node:crypto';
import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { beforeAll, expect, test } from 'vitest';
import { http } from '../../gen/google/api/annotations_pb.js';
import { access, KeyKind, SessionLevel } from '../../gen/manam/options/v1/access_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { publicServices } from '../../src/contract/services.ts';
import { password, useTestApp } from '../support/app.ts';
import { shapeOf } from '../support/errors.ts';
import { bearer, enrolTotp, signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';
import { basic, makeApplication, signInTo } from '../support/openid.ts';
import { protocols } from '../support/protocols.ts';
import { createSigner } from '../support/signer.ts';
import { firstOf } from '../support/streams.ts';

const services = Object.values(publicServices);

const testApp = useTestApp();

/** The gate's reasons to reject; anything else means that the caller passed. */
const gateReasons = new Set([
  'KEY_MISSING',
  'KEY_INVALID',
  'SECRET_KEY_REQUIRED',
  'SCOPE_REQUIRED',
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TWO_FACTOR_ENROLMENT_REQUIRED',
  'REAUTHENTICATION_REQUIRED',
  'IMPERSONATION_DENIED',
  'INVALID_CLIENT',
]);
/** What the calls of OAuth name a reason. */
const oauthReasons: Record<string, string> = {
  invalid_client: 'INVALID_CLIENT',
  invalid_token: 'TOKEN_INVALID',
};
const isOfApplications = (method: DescMethod) => getOption(method, access).key === KeyKind.APPLICATION;
const passes = 'passes';

/** The calls of members alone are in docs/management-matrix.md. */
const methods = services
  .flatMap((service) => service.methods)
  .filter((method) => getOption(method, access).key !== KeyKind.MEMBER);
const overWire = protocols.filter(({ name }) =>
  ['Connect, JSON, HTTP/1.1', 'gRPC by @grpc/grpc-js', 'gRPC-Web, Protobuf, HTTP/1.1'].includes(name),
);

type Credential = (method: DescMethod) => Promise<Record<string, string>>;
/** Calls that end the session they are made with. */
const endsItsSession = new Set(['Logout', 'DeleteAccount']);
let credentials: Record<string, Credential> = {};

beforeAll(async () => {
  const { dev, manam, createKey, sql, advance } = testApp();
  const expired = await signUp(testApp());
  advance(660_000);
  const [own, other, revoked] = [
    await signUp(testApp()),
    await signUp(testApp(), { apieco_key: manam.publishable }),
    await signUp(testApp()),
  ];
  const scopeless = await createKey('secret', []);
  await sql('UPDATE sessions SET revoked_at = NOW(3) WHERE user_id = UNHEX(?)', [
    revoked.userId.replaceAll('-', ''),
  ]);
  const application = await makeApplication(testApp());
  const { tokens } = await signInTo(testApp(), application);
  const withFactor = await enrolTotp(testApp(), await signUp(testApp()));
  /** A sign-in that waits: a new one each time, because wrong codes end it. */
  const pending = async () => {
    const { email } = withFactor;
    const { twoFactor } = await testApp().client(AuthService).login({ email, password });
    return bearer(twoFactor?.twoFactorToken ?? '');
  };

  /** Signs in anew for the calls that end their session, and once for all others. */
  const perMethod = (make: () => Promise<Record<string, string>>): Credential => {
    const shared = make();
    return (method) => (endsItsSession.has(method.name) ? make() : shared);
  };
  const session = perMethod(async () => bearer((await signUp(testApp())).accessToken));
  const enrolOnly = perMethod(async () => {
    const fresh = await signUp(testApp());
    const { payload, sign } = await createSigner(testApp(), fresh.accessToken);
    const id = String(payload['sid']).replaceAll('-', '');
    await sql("UPDATE sessions SET level = 'enrol-only' WHERE id = UNHEX(?)", [id]);
    const changes = { header: { typ: 'setup+jwt' }, payload: { aud: `urn:manam:setup:${payload['tid']}` } };
    return bearer(await sign(changes));
  });
  /** A session in which a trusted device stood for the second factor. */
  const trusted = perMethod(async () => {
    const user = await enrolTotp(testApp(), await signUp(testApp()));
    await sql(
      `UPDATE sessions SET amr = '["pwd"]', device_id = UNHEX(REPLACE(UUID(), '-', '')) WHERE user_id = UNHEX(?)`,
      [user.userId.replaceAll('-', '')],
    );
    return bearer(user.accessToken);
  });
  credentials = {
    'no key': async () => ({}),
    publishable: async () => ({ apieco_key: dev.publishable }),
    secret: async () => ({ apieco_key: dev.secret }),
    'secret, no scope': async () => ({ apieco_key: scopeless }),
    'own session': session,
    'trusted device': trusted,
    'session and key': async (method) => ({ ...(await session(method)), apieco_key: dev.publishable }),
    'other tenant’s session': async () => ({ ...bearer(other.accessToken), apieco_key: dev.publishable }),
    pending,
    'enrol-only': enrolOnly,
    refresh: async () => bearer(own.refreshToken),
    expired: async () => bearer(expired.accessToken),
    revoked: async () => bearer(revoked.accessToken),
    acting: perMethod(async () => {
      const support = await makeMember(testApp(), 'support');
      const { userId } = await signUp(testApp());
      const client = testApp().client(ManagementService, support.headers);
      return bearer((await client.impersonateUser({ userId, reason: 'a test' })).accessToken);
    }),
    application: async () => basic(application),
    'application’s token': async () => bearer(tokens['access_token'] ?? ''),
  };
});

/** The outcome of a call over REST. */
async function overRest(method: DescMethod, headers: Record<string, string>): Promise<string> {
  const { pattern } = getOption(method, http);
  const issuer = String(pattern.value).replace('/t/{tenant}/', '/t/dev/');
  const path = issuer.replaceAll(/\{\w+\}/g, randomUUID());
  const httpMethod = String(pattern.case).toUpperCase();
  const response = await fetch(testApp().url + path, { method: httpMethod, headers });
  const body = (await response.json()) as { reason?: string; error?: string };
  if (response.status === 401 && body.error === 'invalid_request') return 'TOKEN_MISSING';
  return body.reason ?? oauthReasons[body.error ?? ''] ?? passes;
}

/** The outcome of a call at the gate. */
function verdict(method: DescMethod, reason: string): string {
  // It reads a token out of the request and refuses an empty one as the gate would.
  const isInside = reason === 'TOKEN_INVALID' && method.name === 'RefreshToken';
  return gateReasons.has(reason) && !isInside ? reason : passes;
}

async function callOverAll(method: DescMethod, credential: Credential): Promise<Record<string, string>> {
  const verdicts: Record<string, string> = {};
  for (const { name, connect } of overWire) {
    const tenant = isOfApplications(method) ? { 'manam-tenant': 'dev' } : {};
    const headers = { ...tenant, ...(await credential(method)) };
    const client = connect(method.parent, testApp().url, headers) as Record<
      string,
      (request: object) => Promise<unknown> | AsyncIterable<unknown>
    >;
    const answer = client[method.localName]?.({});
    const reason = await firstOf(answer).then(
      () => passes,
      (error: unknown) => shapeOf(error).reason ?? String(error),
    );
    verdicts[name] = verdict(method, reason ?? 'no such method');
  }
  if (hasOption(method, http))
    verdicts['REST'] = verdict(method, await overRest(method, await credential(method)));
  return verdicts;
}

const names = [
  'no key',
  'publishable',
  'secret',
  'secret, no scope',
  'own session',
  'session and key',
  'other tenant’s session',
  'pending',
  'enrol-only',
  'refresh',
  'expired',
  'revoked',
  'acting',
  'application',
  'application’s token',
];

test('every protocol permits the same callers, as the document lists', async () => {
  const rows: string[] = [];
  for (const method of methods) {
    const cells: string[] = [];
    for (const name of names) {
      const verdicts = await callOverAll(method, credentials[name] as Credential);
      const kinds = new Set(Object.values(verdicts));
      expect([...kinds], `${method.name} with ${name}: ${JSON.stringify(verdicts)}`).toHaveLength(1);
      cells.push([...kinds][0] === passes ? '✓' : `\`${[...kinds][0]}\``);
    }
    rows.push(`| ${method.parent.name}/${method.name} | ${cells.join(' | ')} |`);
  }
  const page = [
    '# Permitted callers',
    '',
    'Generated by `test/attack/access-matrix.test.ts` from real calls over Connect, gRPC, gRPC-Web and REST, which all agree.',
    '✓: the caller passes the gate; the flow decides about the data. Otherwise the reason of the rejection.',
    'A new RPC has no row, and the test fails until it has one: `npm test -- --update test/attack/access-matrix.test.ts`.',
    '',
    `| RPC | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...rows,
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/access-matrix.md');
}, 300_000);

/** The requirements for every row, read from the contract and not from the server. */
for (const method of methods.filter((each) => hasOption(each, http) && !isOfApplications(each))) {
  const rule = getOption(method, access);
  test(`${method.name} rejects every caller that its declaration does not name`, async () => {
    const passed = async (name: string) => {
      const reason = await overRest(method, await (credentials[name] as Credential)(method));
      return verdict(method, reason) === passes;
    };
    const needsSession = rule.sessions.length > 0;
    for (const name of ['no key', 'refresh', 'expired', 'revoked', 'other tenant’s session']) {
      expect(await passed(name), name).toBe(
        name === 'other tenant’s session' && !needsSession && rule.key !== KeyKind.SECRET,
      );
    }
    for (const name of ['application', 'application’s token']) expect(await passed(name), name).toBe(false);
    expect(await passed('publishable')).toBe(!needsSession && rule.key !== KeyKind.SECRET);
    expect(await passed('secret')).toBe(!needsSession || rule.scope !== '');
    expect(await passed('secret, no scope')).toBe(!needsSession && rule.scope === '');
    expect(await passed('own session')).toBe(rule.sessions.includes(SessionLevel.SIGNED_IN));
    expect(await passed('enrol-only')).toBe(rule.sessions.includes(SessionLevel.ENROL_ONLY));
    expect(await passed('acting')).toBe(rule.sessions.includes(SessionLevel.ACTING));
    expect(await passed('pending')).toBe(rule.sessions.includes(SessionLevel.PENDING));
  });
}

for (const method of methods.filter(isOfApplications)) {
  test(`${method.name} takes an application, or its token, and no one else`, async () => {
    const opens = names.filter(
      (name) => name === (method.name === 'GetUserInfo' ? 'application’s token' : 'application'),
    );
    const passed: string[] = [];
    for (const name of names) {
      const reason = await overRest(method, await (credentials[name] as Credential)(method));
      if (verdict(method, reason) === passes) passed.push(name);
    }
    expect(passed).toEqual(opens);
  });
}
