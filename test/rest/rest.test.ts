import { expect, test } from 'vitest';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { register, signUp } from '../support/journey.ts';

const testApp = useTestApp();

type Answer = { status: number; headers: Headers; body: Record<string, unknown> };

async function send(
  method: string,
  path: string,
  init: { body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { url, dev } = testApp();
  const headers = { apieco_key: dev.publishable, 'content-type': 'application/json', ...init.headers };
  const response = await fetch(url + path, {
    method,
    headers,
    ...(init.body === undefined ? {} : { body: init.body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

const login = (body: string | Buffer, headers: Record<string, string> = {}) =>
  send('POST', '/auth/login', { body, headers });

/** A failure in the shape of the page. */
function unsuccess(reason: string, ...fields: string[]) {
  return {
    status: 'unsuccess',
    message: expect.any(String),
    location: '/',
    reason,
    request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    errors: Object.fromEntries(['', ...fields].map((field) => [field, [expect.any(String)]])),
  };
}

const malformed: Record<string, string | Buffer> = {
  'broken JSON': '{"email":',
  'trailing garbage': '{} x',
  'two documents': '{}{}',
  'a number that is none': '{"email":NaN}',
  'UTF-16': Buffer.from('{"email":"a"}', 'utf16le'),
  'bytes that are no UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
  'single quotes': "{'email':'a'}",
  'a comment': '{/* x */}',
  'ten thousand levels': `{"custome_fields":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
  'an array': '[]',
  'a text': '"x"',
  null: 'null',
};
for (const [what, body] of Object.entries(malformed)) {
  test(`${what} is rejected in the error shape`, async () => {
    const answer = await login(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(unsuccess('BODY_MALFORMED'));
  });
}

const wrongFields: [string, string, string[]][] = [
  ['an unknown field', '{"email":"a@example.com","password":"x","passwort":"x"}', ['passwort']],
  ['several unknown fields', '{"a":1,"b":2}', ['a', 'b']],
  ['a repeated key', '{"email":"a@example.com","email":"b@example.com"}', ['email']],
  ['a repeated key in other letters', '{"email":"a@example.com","\\u0065mail":"b@example.com"}', ['email']],
  ['a field under two of its names', '{"type":"email","userType":"email"}', ['type']],
  ['an array for a text', '{"email":["a@example.com"]}', ['email']],
  ['an object for a text', '{"email":{"a":1}}', ['email']],
  ['a number for a text', '{"email":1}', ['email']],
  ['a value that the enum does not have', '{"type":"fax"}', ['type']],
  ['a prototype', '{"__proto__":{"email":"a"}}', ['__proto__']],
  ['half a character', '{"email":"\\ud800"}', ['email']],
];
for (const [what, body, fields] of wrongFields) {
  test(`${what} is rejected by the field's name`, async () => {
    const answer = await login(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ ...unsuccess('REQUEST_INVALID'), errors: expect.anything() });
    expect(Object.keys(answer.body['errors'] as object)).toEqual(['', ...fields]);
  });
}

test('a field at fault is named as REST spells it', async () => {
  const body = JSON.stringify({ email: freshEmail(), password, firstname: '<b>', custome_fields: { A: 1 } });
  const answer = await send('POST', '/manam/auth/register', { body });
  expect(answer.body).toEqual(unsuccess('REQUEST_INVALID', 'firstname', 'custome_fields'));
});

test('rejects dates that do not exist, and names the field of an invalid time', async () => {
  const headers = { 'x-api-key': testApp().dev.secret, 'content-type': 'application/json' };
  const ask = async (text: string) => {
    const url = `${testApp().url}/manage/users?created_from=${encodeURIComponent(text)}`;
    const answer = await fetch(url, { headers });
    const { errors = {} } = (await answer.json()) as { errors?: object };
    return [answer.status, Object.keys(errors).filter((name) => name !== '')];
  };
  for (const text of [
    '2026-11-31T00:00:00Z',
    '2027-02-29T12:00:00Z',
    '2026-11-30T24:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-30',
    'yesterday',
  ])
    expect(await ask(text), text).toEqual([400, ['created_from']]);
  for (const text of ['2028-02-29T23:59:59.5Z', '2026-11-30T00:00:00+03:30'])
    expect(await ask(text), text).toEqual([200, []]);
  const url = `${testApp().url}/manage/keys`;
  const key = { kind: 'secret', name: 'late', expire_time: '2027-02-31T00:00:00Z' };
  const made = await fetch(url, { method: 'POST', headers, body: JSON.stringify(key) });
  expect([made.status, await made.text()]).toEqual([400, expect.stringContaining('expire_time')]);
});

test('a body that is no JSON and no form, or is compressed, is 415', async () => {
  for (const type of [
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    '',
  ]) {
    const answer = await login('{"email":"a"}', { 'content-type': type });
    expect([answer.status, answer.body['reason']], type).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED']);
  }
  expect((await login('{}', { 'content-encoding': 'gzip' })).status).toBe(415);
});

test('a body of more than 64 KiB is 413, said or not said beforehand', async () => {
  const large = JSON.stringify({ email: 'x'.repeat(65 * 1024) });
  expect(await login(large)).toMatchObject({ status: 413, body: unsuccess('BODY_TOO_LARGE') });
  const { url, dev } = testApp();
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(large));
      controller.close();
    },
  });
  const init = {
    method: 'POST',
    body: stream,
    duplex: 'half',
    headers: { apieco_key: dev.publishable, 'content-type': 'application/json' },
  };
  expect((await fetch(`${url}/auth/login`, init as RequestInit)).status).toBe(413);
});

test('a query that names a field and a field of it is rejected, in either order', async () => {
  const { url, dev } = testApp();
  const queries = {
    'user_id=1&user_id.b=2': 'user_id.b',
    'user_id.b=2&user_id=1': 'user_id',
    'user_id=1&user_id=2&user_id.b=3': 'user_id.b',
  };
  for (const [query, field] of Object.entries(queries)) {
    const answer = await fetch(`${url}/view_user?${query}`, { headers: { apieco_key: dev.secret } });
    expect([answer.status, await answer.json()], query).toEqual([400, unsuccess('REQUEST_INVALID', field)]);
  }
});

test('an empty body is an empty message, whatever its type', async () => {
  for (const type of ['application/json', 'text/plain', 'application/octet-stream']) {
    expect((await login('', { 'content-type': type })).body).toEqual(unsuccess('REQUEST_INVALID', 'email'));
  }
});

test('a body on a GET that has none is rejected, and one that has one reads it', async () => {
  const { url, dev } = testApp();
  const { request } = await import('node:http');
  const get = (path: string, body: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const call = request(
        url + path,
        {
          method: 'GET',
          headers: {
            apieco_key: dev.secret,
            'content-type': 'application/json',
            'content-length': body.length,
          },
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          response.on('end', () => resolve(JSON.parse(text)));
        },
      );
      call.on('error', reject);
      call.end(body);
    });
  expect(await get('/view_user', '{"email":"a@example.com"}')).toEqual(unsuccess('REQUEST_INVALID', 'email'));
  expect(await get('/auth/confirm_email', '{"cnf":"x"}')).toEqual(unsuccess('CONFIRMATION_INVALID'));
});

test('a field from the path and from elsewhere is rejected by name', async () => {
  expect((await send('GET', '/auth/confirm_email/x?cnf=y')).body).toEqual(
    unsuccess('REQUEST_INVALID', 'cnf'),
  );
  expect(
    (await send('POST', '/auth/login?email=a@example.com', { body: '{"email":"b@example.com"}' })).body,
  ).toEqual(unsuccess('REQUEST_INVALID', 'email'));
});

test('the query holds fields, and unknown or repeated ones are rejected', async () => {
  expect((await send('GET', '/auth/confirm_email?cnf=x')).body).toEqual(unsuccess('CONFIRMATION_INVALID'));
  expect((await send('GET', '/auth/confirm_email?cnf=x&y=1')).body).toEqual(
    unsuccess('REQUEST_INVALID', 'y'),
  );
  expect((await send('GET', '/auth/confirm_email?cnf=x&cnf=y')).body).toEqual(
    unsuccess('REQUEST_INVALID', 'cnf'),
  );
  expect((await send('GET', '/auth/confirm_email?cnf.x=1')).body).toEqual(
    unsuccess('REQUEST_INVALID', 'cnf'),
  );
});

test('a form is read with the brackets of jQuery, within bounds', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const email = freshEmail();
  const body = new URLSearchParams({
    email,
    password,
    'custome_fields[0][phone]': '887219031',
    'custome_fields[0][address]': 'Tehran',
  });
  const answer = await send('POST', '/auth/register', { body: body.toString(), headers: form });
  expect(answer.body).toMatchObject({
    status: 'success',
    custome_fields: [{ phone: '887219031', address: 'Tehran' }],
  });
  const deep = `custome_fields${'[a]'.repeat(50)}=1`;
  expect((await send('POST', '/auth/register', { body: deep, headers: form })).body).toEqual(
    unsuccess('BODY_MALFORMED'),
  );
  const many = Array.from({ length: 500 }, (_, index) => `a${index}=1`).join('&');
  expect((await send('POST', '/auth/register', { body: many, headers: form })).body).toEqual(
    unsuccess('BODY_MALFORMED'),
  );
  expect((await send('POST', '/auth/login', { body: 'email=a&email=b', headers: form })).body).toEqual(
    unsuccess('REQUEST_INVALID', 'email'),
  );
});

test('an unknown path is 404, and a wrong method 405 with Allow, in the error shape', async () => {
  for (const path of [
    '/',
    '/nowhere',
    '/auth',
    '/auth/login/',
    '/AUTH/LOGIN',
    '/manam/manam/auth/login',
    '/auth%2Flogin',
    '/auth//login',
    '/manam.v1.AuthService/Nothing',
  ]) {
    expect(await send('GET', path), path).toMatchObject({ status: 404, body: unsuccess('ROUTE_NOT_FOUND') });
  }
  const refused = await send('PUT', '/manam/auth/confirm_email');
  expect(refused).toMatchObject({ status: 405, body: unsuccess('METHOD_NOT_ALLOWED') });
  expect(refused.headers.get('allow')).toBe('GET, POST, HEAD, OPTIONS');
  expect((await send('GET', '/auth/changepassword?token=x')).status).toBe(405);
  const options = await send('OPTIONS', '/auth/sessions/x');
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'DELETE, OPTIONS']);
  expect((await send('OPTIONS', '/nowhere')).status).toBe(404);
});

test('a HEAD returns the headers of the GET, without a body, and consumes nothing', async () => {
  const cnf = await register(testApp(), freshEmail());
  for (let count = 0; count < 10; count += 1) {
    const head = await send('HEAD', `/auth/confirm_email/${cnf}`);
    expect([head.status, head.body]).toEqual([200, {}]);
    // As a mail scanner does: the link in a mail has no key.
    expect((await send('GET', `/auth/confirm_email/${cnf}`, { headers: { apieco_key: '' } })).status).toBe(
      401,
    );
  }
  expect((await send('HEAD', '/auth/confirm_email/x', { headers: { apieco_key: 'wrong' } })).status).toBe(
    401,
  );
  expect((await send('GET', `/auth/confirm_email/${cnf}`)).body).toMatchObject({ status: 'success' });
});

test('a session reads, an encoded address is an address, and a name of another case is another path', async () => {
  const { email, accessToken } = await signUp(testApp());
  const headers = { authorization: `Bearer ${accessToken}` };
  expect((await send('GET', `/view_user/${encodeURIComponent(email)}`, { headers })).body).toMatchObject({
    status: 'success',
    email,
  });
  expect((await send('GET', `/View_User/${email}`, { headers })).status).toBe(404);
});

test('the key header twice, or differing from its alias, is rejected', async () => {
  const { dev } = testApp();
  expect(await login('{}', { 'x-api-key': dev.secret })).toMatchObject({
    status: 400,
    body: unsuccess('KEY_CONFLICT'),
  });
  expect(await login('{}', { apieco_key: `${dev.publishable}, ${dev.secret}` })).toMatchObject({
    status: 401,
    body: unsuccess('KEY_INVALID'),
  });
});

test('rejects a caller without access before reading the body', async () => {
  expect(await login('{"broken', { apieco_key: 'wrong' })).toMatchObject({
    status: 401,
    body: unsuccess('KEY_INVALID'),
  });
});

test('errors and successes use the requested language', async () => {
  const persian = { 'accept-language': 'fa-ir,en;q=0.8,en-us;' };
  expect((await login('{', persian)).body['message']).toBe('بدنهٔ درخواست قابل خواندن نیست.');
  expect((await send('GET', '/nowhere', { headers: persian })).body['message']).toBe(
    'چیزی در این نشانی وجود ندارد.',
  );
  const cnf = await register(testApp(), freshEmail());
  const confirmed = await send('GET', `/auth/confirm_email/${cnf}`, { headers: persian });
  expect(confirmed.body).toEqual({
    status: 'success',
    location: '/',
    message: 'حساب شما با موفقیت تأیید شد.',
  });
});
