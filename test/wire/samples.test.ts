import { existsSync, readFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { stringify } from 'qs';
import { beforeAll, expect, test } from 'vitest';
import { freshEmail, type TestApp, useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';

type Sample = {
  readonly id: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body?: object;
    readonly encoding?: 'form';
  };
  readonly answer: {
    readonly status: number;
    readonly has: string[];
    readonly equals?: Record<string, unknown>;
  };
};

const ours = new URL('../reference/samples.json', import.meta.url);
const shared = new URL('../../../shared/reference/samples.json', import.meta.url);
const file = existsSync(shared) ? shared : ours;
const { samples } = JSON.parse(readFileSync(file, 'utf8')) as { samples: Sample[] };

/** What has no flow yet: it answers UNIMPLEMENTED in the failure shape. */
const unserved = new Set([
  'totp-email-verify',
  'totp-email-verify-end',
  'totp-setup-get',
  'totp-setup-post',
  'totp-qr',
  'totp-confirm',
  'sms-email-verify',
  'sms-email-verify-end',
  'sms-setup',
  'sms-confirm',
  'google-login',
]);
/** Second steps of a sign-in: they cannot be sent before a second factor can be enrolled. */
const blocked = new Set([
  'login-totp-pending',
  'totp-validate',
  'totp-remove',
  'login-sms-pending',
  'sms-validate',
  'sms-remove',
]);
/** Whose confirmation a sample confirms: each can be confirmed once. */
const confirms: Record<string, string> = { 'confirm-email-path': 'email2', 'confirm-email-body': 'email3' };

const testApp = useTestApp();
/** The values of the run, by the names that the samples use. */
const values: Record<string, string> = {};

beforeAll(async () => {
  const { dev, manam } = testApp();
  const manamUser = await signUp(testApp(), { apieco_key: manam.publishable });
  Object.assign(values, {
    publishable_key: dev.publishable,
    secret_key: dev.secret,
    manam_publishable_key: manam.publishable,
    email: freshEmail(),
    email2: freshEmail(),
    email3: freshEmail(),
    manam_email: manamUser.email,
    manam_access_token: manamUser.accessToken,
  });
});

/** Puts the values of the run into a sample. */
function fill<T>(template: T): T {
  const text = JSON.stringify(template).replaceAll(
    /\{\{([\w.]+)\}\}/g,
    (_, name: string) => values[name] ?? '',
  );
  return JSON.parse(text) as T;
}

function byId(id: string): Sample {
  return samples.find((sample) => sample.id === id) as Sample;
}

async function newestCode(test: TestApp, to: string): Promise<string> {
  const [message] = await test.messagesTo(to);
  return message?.code ?? '';
}

/** Sends a request as it stands, a body on a GET included, which fetch would refuse. */
function send({
  method,
  path,
  headers,
  body,
  encoding,
}: Sample['request']): Promise<{ status: number; json: Record<string, unknown>; type: string }> {
  const text = body === undefined ? '' : encoding === 'form' ? stringify(body) : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = requestHttp(
      testApp().url + path,
      { method, headers: { ...headers, 'content-length': Buffer.byteLength(text) } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const type = String(response.headers['content-type']);
          const json = type.includes('json')
            ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>)
            : {};
          resolve({ status: response.statusCode ?? 0, json, type });
        });
      },
    );
    call.on('error', reject);
    call.end(text);
  });
}

test('our copy of the samples is the shared one', () => {
  expect(JSON.parse(readFileSync(ours, 'utf8'))).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});

test('every sample is served, unserved or blocked, and nothing else is', () => {
  const ids = samples.map(({ id }) => id);
  expect([...unserved, ...blocked].filter((id) => !ids.includes(id))).toEqual([]);
});

for (const sample of samples.filter(({ id }) => !blocked.has(id))) {
  test(`the page's sample '${sample.id}' ${unserved.has(sample.id) ? 'is not served yet' : 'works'}`, async () => {
    const of = values[confirms[sample.id] ?? 'email'] ?? '';
    values['mail.code'] = await newestCode(testApp(), of);
    values['sms.code'] = await newestCode(testApp(), '+989111087815');
    // Each recovery needs a message of its own.
    if (sample.id === 'changepassword') {
      await send(fill(byId('recover').request));
      values['mail.code'] = await newestCode(testApp(), of);
    }
    // The recovery has ended the session, and changed the password.
    if (sample.id === 'refresh') {
      const { request } = byId('login-email');
      const body = { ...request.body, password: 'quiet-orbit-lantern-47-3' };
      const { json: signedIn } = await send(fill({ ...request, body }));
      for (const name of ['access_token', 'refresh_token']) values[name] = String(signedIn[name]);
    }
    const { status, json } = await send(fill(sample.request));
    if (unserved.has(sample.id)) {
      expect(status).toBe(501);
      expect(json).toMatchObject({
        status: expect.stringMatching(/^(?:unsuccess|failure)$/),
        reason: 'NOT_IMPLEMENTED',
        location: '/',
      });
      return;
    }
    expect(json).toMatchObject(fill(sample.answer.equals ?? {}));
    expect(status).toBe(sample.answer.status);
    for (const field of sample.answer.has) expect(json).toHaveProperty([field]);
    for (const name of ['access_token', 'refresh_token']) {
      if (typeof json[name] === 'string' && json[name] !== '') values[name] = json[name];
    }
  });
}
