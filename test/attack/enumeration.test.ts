import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { freshMobile, register, signUp, signUpByMobile } from '../support/journey.ts';
import { addPasskey, atSite } from '../support/passkeys.ts';

const testApp = useTestApp({ config: atSite });

type Identifier = { type: 'email'; email: string } | { type: 'mobile'; mobile: string };
const wrong = 'wrong-password-47';

/** An account in every state, made anew for each call. */
const states: Record<string, () => Promise<Identifier>> = {
  unknown: async () => ({ type: 'email', email: freshEmail() }),
  unconfirmed: async () => {
    const email = freshEmail();
    await register(testApp(), email);
    return { type: 'email', email };
  },
  confirmed: async () => ({ type: 'email', email: (await signUp(testApp())).email }),
  locked: async () => {
    const { email } = await signUp(testApp());
    for (let count = 0; count < 6; count += 1) {
      await testApp()
        .client(AuthService)
        .login({ email, password: wrong })
        .catch(() => {});
    }
    return { type: 'email', email };
  },
  disabled: async () => {
    const { email, userId } = await signUp(testApp());
    await testApp().sql("UPDATE users SET status = 'disabled' WHERE id = UNHEX(REPLACE(?, '-', ''))", [
      userId,
    ]);
    return { type: 'email', email };
  },
  'without a password': async () => {
    const { email, userId } = await signUp(testApp());
    await testApp().sql("DELETE FROM credentials WHERE user_id = UNHEX(REPLACE(?, '-', ''))", [userId]);
    return { type: 'email', email };
  },
  'with a passkey': async () => {
    const { email } = await addPasskey(testApp(), await signUp(testApp()));
    return { type: 'email', email };
  },
  'unknown number': async () => ({ type: 'mobile', mobile: freshMobile() }),
  'confirmed number': async () => ({ type: 'mobile', mobile: (await signUpByMobile(testApp())).mobile }),
};

/** The calls about an account in any state. A failed sign-in sends a wrong password in every state. */
const calls: Record<
  string,
  { path: (identifier: Identifier) => string; body: object; sameStatements: boolean }
> = {
  Register: { path: () => '/auth/register', body: { password }, sameStatements: false },
  'SendConfirmEmail, SendConfirmSms': {
    path: ({ type }) => (type === 'email' ? '/auth/send_confirm_email' : '/auth/send_confirm_sms'),
    body: {},
    sameStatements: false,
  },
  Recover: { path: () => '/auth/recover', body: {}, sameStatements: false },
  StartCodeSignIn: { path: () => '/auth/code/start', body: {}, sameStatements: true },
  StartPasskeySignIn: { path: () => '/auth/passkeys/sign-in/start', body: {}, sameStatements: true },
  'Login, failed': { path: () => '/auth/login', body: { password: wrong }, sameStatements: true },
};

/** An answer without what differs between any two: the request's id, the time, and the echo of the identifier. */
function comparable(text: string, headers: Headers, identifier: Identifier): string {
  const value = identifier.type === 'email' ? identifier.email : identifier.mobile;
  const withoutEcho = text
    .replaceAll(value, '…')
    .replace(/"type":"(?:email|mobile)"/, '"type":"…"')
    .replace(/"email":"[^"]*","tenant_email"/, '"email":"…","tenant_email"')
    .replace(/"mobile":"[^"]*"/, '"mobile":"…"')
    .replace(/"handle":"[\w-]{64}"/, '"handle":"…"')
    .replace(/"challenge":"[\w-]{72}"/, '"challenge":"…"')
    .replace(/"id":"[\w-]+"/, '"id":"…"')
    .replace(/"request_id":"[^"]*"/, '"request_id":"…"');
  const kept = [...headers].filter(([name]) => !['date', 'x-request-id', 'content-length'].includes(name));
  return JSON.stringify([withoutEcho, kept]);
}

const rows: string[] = [];
for (const [name, { path, body, sameStatements }] of Object.entries(calls)) {
  test(`${name} returns the same bytes for every state of an account`, async () => {
    const { url, dev, takeStatements, takeHashes } = testApp();
    const seen: Record<string, { answer: string; hashes: number; statements: string }> = {};
    for (const [state, make] of Object.entries(states)) {
      const identifier = await make();
      await takeStatements();
      takeHashes();
      const response = await fetch(url + path(identifier), {
        method: 'POST',
        headers: { apieco_key: dev.publishable, 'content-type': 'application/json' },
        body: JSON.stringify({
          ...(name.startsWith('Send') ? {} : { type: identifier.type }),
          ...withoutType(identifier),
          ...body,
        }),
      });
      const text = await response.text();
      const answer = `${response.status} ${comparable(text, response.headers, identifier)}`;
      seen[state] = { answer, hashes: takeHashes(), statements: JSON.stringify(await takeStatements()) };
    }
    // The text of the success, or the budgets, are those of the channel that was asked for.
    const isByChannel = name.startsWith('S');
    const groups = isByChannel
      ? [
          Object.entries(seen).filter(([state]) => !state.includes('number')),
          Object.entries(seen).filter(([state]) => state.includes('number')),
        ]
      : [Object.entries(seen)];
    for (const group of groups) {
      const [first] = group;
      for (const [state, { answer, hashes, statements }] of group) {
        expect(answer, state).toBe(first?.[1].answer);
        expect(hashes, `hashes of ${state}`).toBe(first?.[1].hashes);
        if (sameStatements) expect(statements, `statements of ${state}`).toBe(first?.[1].statements);
      }
    }
    const [one] = Object.values(seen);
    rows.push(
      `| ${name} | ${Object.keys(states).length} states, one response | ${one?.hashes} | ${sameStatements ? 'the same' : 'differ; held back to the response floor'} |`,
    );
  });
}

function withoutType({ type: _, ...identifier }: Identifier): object {
  return identifier;
}

test('what each RPC reveals is what the documents say', async () => {
  const page = [
    '# What each RPC reveals about an account',
    '',
    'Generated by `test/attack/enumeration.test.ts` from real calls, compared byte for byte except for the request’s id, the time,',
    `challenges, the ids of credentials, and the echo of what was sent. States: ${Object.keys(states).join(', ')}.`,
    'A tenant whose policy sets `discloseRegistration` reveals in Register that an identifier is taken.',
    '',
    '| RPC | responses | password hashes | statements |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/enumeration.md');
});
