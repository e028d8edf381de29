import { readFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { generateSync } from 'otplib';
import { stringify } from 'qs';
import { beforeAll, expect, test } from 'vitest';
import { freshEmail, type TestApp, useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';
import { createDescriptionCheck } from '../support/openapi.ts';

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

const file = new URL('../reference/samples.json', import.meta.url);
const { samples } = JSON.parse(readFileSync(file, 'utf8')) as { samples: Sample[] };

/** Whose confirmation a sample confirms: each can be confirmed once. */
const confirms: Record<string, string> = { 'confirm-email-path': 'email2', 'confirm-email-body': 'email3' };

const testApp = useTestApp();
const described = createDescriptionCheck();
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

for (const sample of samples) {
  test(`the page's sample '${sample.id}' works`, async () => {
    const of = values[confirms[sample.id] ?? 'email'] ?? '';
    values['mail.code'] = await newestCode(testApp(), of);
    values['sms.code'] = await newestCode(
      testApp(),
      sample.id === 'confirm-sms' ? '+989111087815' : '+989356271738',
    );
    if (values['secret'] !== undefined) {
      // Each code is valid once: the next one comes with the next step of time.
      testApp().advance(30_000);
      values['totp'] = generateSync({
        secret: values['secret'],
        epoch: Math.floor(testApp().now().getTime() / 1000),
      });
    }
    // A code by SMS comes on demand where the sign-in has not sent one.
    if (sample.id === 'sms-remove') {
      await send(
        fill({
          method: 'POST',
          path: '/auth/2fa/sms/send',
          headers: { authorization: 'Bearer {{access_token}}' },
        }),
      );
      values['sms.code'] = await newestCode(testApp(), '+989356271738');
    }
    // Each recovery needs a separate message.
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
    const { status, json, type } = await send(fill(sample.request));
    expect(json).toMatchObject(fill(sample.answer.equals ?? {}));
    expect(status).toBe(sample.answer.status);
    for (const field of sample.answer.has) expect(json).toHaveProperty([field]);
    const { method, path, body } = fill(sample.request);
    if (type.includes('json') && !path.includes('googlelogin'))
      expect(described.answer(method, path, status, json)).toEqual([]);
    if (method === 'POST' && body !== undefined && sample.request.encoding !== 'form')
      expect(described.request(method, path, body)).toEqual([]);
    for (const name of ['access_token', 'refresh_token', 'two_factor_token', 'secret']) {
      if (typeof json[name] === 'string' && json[name] !== '') values[name] = json[name];
    }
    const codes = json['recovery_codes'];
    if (Array.isArray(codes) && codes.length > 0) {
      expect(codes).toHaveLength(10);
      values['recovery_code'] = String(codes[0]);
    }
    if (sample.id === 'totp-remove') delete values['secret'];
    if (sample.id === 'totp-qr') expect(type).toBe('image/png');
    // The page sends this one twice.
    if (sample.id === 'totp-setup-post') {
      const again = await send(fill(sample.request));
      expect(again.status).toBe(200);
      values['secret'] = String(again.json['secret']);
    }
  });
}
