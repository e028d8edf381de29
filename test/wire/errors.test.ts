import { type IncomingHttpHeaders, request as requestHttp } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';

// Whatever is wrong with a request, and whatever it was sent by, the refusal leaves by one
// door: with a reason, in words, and without what the caller wrote (R73–R80).

const testApp = useTestApp();
const rpc = '/manam.v1.AuthService/Login';
const rest = '/auth/login';

type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string };
type HeaderList = readonly (readonly [string, string])[];

/** A call whose headers may come twice. */
function send(
  method: string,
  path: string,
  headers: HeaderList,
  body: string | Buffer = '',
): Promise<Answer> {
  const { port } = new URL(testApp().url);
  const framing = [
    ['host', `127.0.0.1:${port}`],
    ['content-length', String(Buffer.byteLength(body))],
  ];
  const all = [...framing, ...headers].flat() as never;
  return new Promise((resolve, reject) => {
    const call = requestHttp({ port, method, path, headers: all }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}

const json = ['content-type', 'application/json'] as const;
const key = () => ['x-api-key', testApp().dev.publishable] as const;
const post = (path: string, body: string | Buffer, headers: HeaderList = [json]) =>
  send('POST', path, [key(), ...headers], body);
const reasonOf = ({ body }: Answer) => /"reason":\s*"([A-Z_]+)"/.exec(body)?.[1];

test('credentials are read from no query, neither with REST nor with an RPC', async () => {
  const user = await signUp(testApp());
  const secrets = [
    `${rest}?email=${user.email}&password=quiet-orbit-lantern-47`,
    `${rest}?password=quiet-orbit-lantern-47`,
    `/auth/refreshToken?refresh_token=${user.refreshToken}`,
    `/auth/confirm-sms?cnf=12345678`,
  ];
  for (const path of secrets) {
    const answer = await post(path, '');
    expect([path, answer.status >= 400 && answer.status < 500]).toEqual([path, true]);
    expect(answer.body).not.toContain(user.refreshToken);
  }
});

const doubled: readonly (readonly [string, string])[] = [
  ['authorization', 'Bearer x'],
  ['content-type', 'application/json'],
  ['x-api-key', 'manam_pk_x'],
  ['idempotency-key', 'a'],
];
for (const [name, value] of doubled) {
  test(`a second ${name} is rejected over both versions of HTTP, RPC and REST`, async () => {
    for (const path of [rpc, rest, '/healthz']) {
      const answer = await post(path, '{}', [json, [name, value], [name, value]]);
      expect([path, answer.status, reasonOf(answer)]).toEqual([path, 400, 'HEADER_DUPLICATE']);
    }
    const socket = connectHttp2(testApp().url, { strictSingleValueFields: false } as never);
    socket.on('error', () => undefined);
    const status = await new Promise((resolve) => {
      const flat = [':method', 'POST', ':path', rest, name, value, name, value];
      socket
        .request(flat as never)
        .on('response', (headers) => resolve(headers[':status']))
        .on('error', (error) => resolve(error.message))
        .end();
    });
    socket.destroy();
    expect(status).toBe(400);
  });
}

test('more than 16 KiB of headers, and more than 64 of them, are rejected over both versions of HTTP', async () => {
  const large = [
    ['x-large', 'x'.repeat(15_000)],
    ['x-more', 'x'.repeat(3000)],
  ] as const;
  const many = Array.from({ length: 70 }, (_, index) => [`x-${index}`, 'x'] as const);
  const session = connectHttp2(testApp().url);
  session.on('error', () => undefined);
  for (const headers of [large, many]) {
    const overHttp1 = await post(rpc, '{}', [json, ...headers]).catch(() => undefined);
    expect([431, 400, undefined]).toContain(overHttp1?.status);
    const status = await new Promise((resolve) => {
      session
        .request({ ':method': 'POST', ':path': rpc, ...Object.fromEntries(headers) })
        .on('response', (answer) => resolve(answer[':status']))
        .on('error', () => resolve('reset'))
        .end('{}');
    });
    expect([431, 'reset']).toContain(status);
  }
  session.destroy();
});

const unreadable: Record<string, readonly [string, Buffer | string, HeaderList]> = {
  'an unknown field': [rpc, '{"emial":"a@b.com"}', [json]],
  'a field of the wrong type': [rpc, '{"email":7}', [json]],
  'broken JSON': [rpc, '{"email"', [json]],
  'a member that comes twice': [rpc, '{"email":"a@b.com","email":"c@d.com"}', [json]],
  'bytes that are no UTF-8': [rpc, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), [json]],
  'half a character': [rpc, '{"email":"\\ud800@b.com","password":"x"}', [json]],
  'another content type': [rpc, 'x', [['content-type', 'text/plain']]],
  'no content type, by REST': [rest, 'password=quiet-orbit', []],
  'bytes that are no UTF-8, by REST': [rest, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), [json]],
  'a member that comes twice, by REST': [rest, '{"email":"a@b.com","email":"c@d.com"}', [json]],
  'a form that is no UTF-8': [
    rest,
    'email=a@b.com&password=%ff%fe',
    [['content-type', 'application/x-www-form-urlencoded']],
  ],
};
for (const [what, [path, body, headers]] of Object.entries(unreadable)) {
  test(`${what} is rejected with a reason`, async () => {
    const answer = await post(path, body, headers);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(reasonOf(answer)).toBeDefined();
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
}

test('a wrong method, path and content type say so with a body and what would be right', async () => {
  const cases = [
    await send('GET', rpc, [key()]),
    await send('PUT', rest, [key(), json], '{}'),
    await send('POST', '/manam.v1.AuthService/Nothing', [key(), json], '{}'),
    await send('GET', '/nowhere', [key()]),
    await post(rpc, 'x', [['content-type', 'application/xml']]),
  ];
  for (const answer of cases) {
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(reasonOf(answer)).toBeDefined();
  }
  expect(cases.filter(({ status }) => status === 405).every(({ headers }) => headers.allow)).toBe(true);
});

test('a method that does not exist is UNIMPLEMENTED over gRPC and gRPC-Web, with our details', async () => {
  const session = connectHttp2(testApp().url);
  for (const path of ['/manam.v1.AuthService/Nothing', '/manam.v1.Nope/Login', '/x.Y/Z'])
    for (const type of ['application/grpc', 'application/grpc+json', 'application/grpc-web+proto']) {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type });
      const headers = await new Promise<Record<string, unknown>>((resolve) => {
        stream.on('response', (answer) => resolve(answer));
        stream.end(Buffer.alloc(5));
      });
      stream.close();
      expect([path, type, headers['grpc-status']]).toEqual([path, type, '12']);
      expect(Buffer.from(String(headers['grpc-status-details-bin']), 'base64').toString()).toContain(
        'NOT_IMPLEMENTED',
      );
    }
  session.destroy();
});

test('a secret that is sent without a content type stands in no answer', async () => {
  for (const body of [
    'password=quiet-orbit-lantern-47',
    '{"password":"quiet-orbit-lantern-47"}',
    'quiet-orbit',
  ])
    for (const headers of [[], [['content-type', 'text/plain']], [['content-type', '']]] as HeaderList[]) {
      const answer = await post(rest, body, headers);
      expect(answer.body).not.toContain('quiet-orbit');
    }
  expect(testApp().logLines.join('')).not.toContain('quiet-orbit-lantern');
});

const charsets = ['utf-8', 'utf8', 'UTF-8', '"utf-8"', 'Utf8'];
for (const charset of charsets) {
  test(`a body whose charset is written ${charset} is read`, async () => {
    for (const path of [rpc, rest]) {
      const body = '{"email":"nobody@example.com","password":"x-quiet-orbit"}';
      const answer = await post(path, body, [['content-type', `application/json; charset=${charset}`]]);
      expect([path, answer.status, reasonOf(answer)]).toEqual([path, 401, 'CREDENTIALS_INVALID']);
    }
  });
}

test('a byte order mark before JSON is no mistake', async () => {
  for (const path of [rpc, rest]) {
    const answer = await post(path, '\ufeff{"email":"nobody@example.com","password":"x-quiet-orbit"}');
    expect([path, answer.status]).toEqual([path, 401]);
  }
});

test('every 401 says how one signs in', async () => {
  const user = await signUp(testApp());
  const cases = [
    await post(rpc, '{"email":"nobody@example.com","password":"x-quiet-orbit"}'),
    await post(rest, '{"email":"nobody@example.com","password":"x-quiet-orbit"}'),
    await send('POST', rpc, [json], '{}'),
    await post('/manam.v1.ProfileService/ViewUser', '{}', [json, ['authorization', 'Bearer x.y.z']]),
    await post('/auth/refreshToken', `{"refresh_token":"${user.refreshToken}x"}`),
  ];
  for (const { status, headers } of cases)
    expect([status, /^Bearer/.test(headers['www-authenticate'] ?? '')]).toEqual([401, true]);
});

test('a call without a session gets the advice to sign in, and a secret key in a browser that it is exposed', async () => {
  const view = '/manam.v1.ProfileService/ViewUser';
  const missing = await post(view, '{}');
  expect(missing.body).toContain('Sign in: send the session in authorization');
  for (const origin of ['https://tenant.com', 'http://localhost:3000', 'null']) {
    const headers = [json, ['x-api-key', testApp().dev.secret], ['origin', origin]] as const;
    const exposed = await send('POST', view, headers, '{}');
    expect([origin, exposed.status, reasonOf(exposed)]).toEqual([origin, 403, 'SECRET_KEY_EXPOSED']);
  }
});

test('tracing headers are allowed across origins', async () => {
  for (const wanted of ['traceparent', 'baggage', 'sentry-trace', 'traceparent, tracestate, baggage']) {
    const answer = await send('OPTIONS', rpc, [
      ['origin', 'http://localhost:3000'],
      ['access-control-request-method', 'POST'],
      ['access-control-request-headers', wanted],
    ]);
    const allowed = String(answer.headers['access-control-allow-headers']).toLowerCase();
    for (const name of wanted.split(', ')) expect(allowed).toContain(name);
  }
});

test('a token has one spelling', async () => {
  const user = await signUp(testApp());
  const view = (token: string) =>
    post('/manam.v1.ProfileService/ViewUser', '{}', [json, ['authorization', `Bearer ${token}`]]);
  expect((await view(user.accessToken)).status).toBe(200);
  const [head = '', payload = '', signature = ''] = user.accessToken.split('.');
  const others = [
    `${user.accessToken}==`,
    `${user.accessToken}=`,
    `${head}=.${payload}.${signature}`,
    `${head}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}=`,
    // The last character of 64 bytes has four unused bits.
    `${user.accessToken.slice(0, -1)}${user.accessToken.endsWith('A') ? 'B' : String.fromCharCode(user.accessToken.charCodeAt(user.accessToken.length - 1) + 1)}`,
  ];
  for (const token of others) expect((await view(token)).status).toBe(401);
  for (const token of [`${user.refreshToken}=`, `${user.refreshToken}==`, ` ${user.refreshToken}%20`]) {
    const answer = await post('/auth/refreshToken', JSON.stringify({ refresh_token: token }));
    expect(answer.status).toBe(401);
  }
});

test('a connection that is kept alive outlives the minute of a balancer', async () => {
  const { port } = new URL(testApp().url);
  const socket = connectSocket(Number(port), '127.0.0.1');
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n');
  const text = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  socket.destroy();
  expect(Number(/keep-alive: timeout=(\d+)/i.exec(text)?.[1])).toBeGreaterThan(60);
});

test.each(['gzip', 'br', 'identity'])(
  'a long value of a wrong type is refused by its field to a caller who takes %s',
  async (encoding) => {
    const response = await fetch(`${testApp().url}/manam.v1.EventService/ProveInclusion`, {
      method: 'POST',
      headers: {
        'x-api-key': testApp().dev.secret,
        'content-type': 'application/json',
        'accept-encoding': encoding,
      },
      body: JSON.stringify({ eventId: 'x', size: '1'.repeat(5000) }),
    });
    expect(response.status).toBe(400);
    const { message, details } = (await response.json()) as { message: string; details: unknown[] };
    expect(message).toBe('Some fields are not valid.');
    expect(JSON.stringify(details)).toContain('"field":"size"');
  },
);
