import http from 'node:http';
import http2 from 'node:http2';
import type { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { create, type DescMessage, toBinary, toJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { EditUserRequestSchema, ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { makeAdminKey } from '../support/admin.ts';
import { password, startTestApp, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';

// Calls whose body is held back until the right that their head has shown is gone.

const testApp = useTestApp();

type Held = { finish(): Promise<string> };
type Call = { readonly path: string; readonly headers: Record<string, string>; readonly body: Buffer };

/** Sends the first byte of a body; `finish` sends the rest, and returns the answer. */
async function holdBack(sent: Writable, body: Buffer, answered: Promise<string>): Promise<Held> {
  sent.write(body.subarray(0, 1));
  await pause(20);
  return {
    finish: () => {
      sent.end(body.subarray(1));
      return answered;
    },
  };
}

/** Sends the head and the first byte over HTTP/1.1; `finish` sends the rest, and returns the answer. */
async function hold({ path, headers, body }: Call, url = testApp().url): Promise<Held> {
  const { hostname, port } = new URL(url);
  const length = { 'content-length': String(body.length) };
  const request = http.request({ hostname, port, path, method: 'POST', headers: { ...headers, ...length } });
  const answered = new Promise<string>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
      });
      response.on('end', () => resolve(`${response.headers['grpc-status'] ?? ''} ${text}`));
    });
  });
  return await holdBack(request, body, answered);
}

/** The same over HTTP/2, with what gRPC says in its trailers. */
async function hold2({ path, headers, body }: Call): Promise<Held> {
  const session = http2.connect(testApp().url);
  const stream = session.request({ ':method': 'POST', ':path': path, te: 'trailers', ...headers });
  const answered = new Promise<string>((resolve, reject) => {
    let text = '';
    const add = (more: object) => {
      text += JSON.stringify(more);
    };
    stream.on('response', add);
    stream.on('trailers', add);
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    stream.on('error', reject);
    stream.on('end', () => {
      session.close();
      resolve(text);
    });
  });
  return await holdBack(stream, body, answered);
}

/** The answer with what gRPC has encoded in it. */
const read = async (held: Held): Promise<string> => {
  const text = await held.finish();
  const [, details = ''] = /grpc-status-details-bin[":\s]+([A-Za-z0-9+/]+)/.exec(text) ?? [];
  return `${text} ${Buffer.from(details, 'base64').toString('latin1')}`;
};

const enveloped = (message: Uint8Array) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

type Send = (
  rpc: string,
  schema: DescMessage,
  message: object,
  headers: Record<string, string>,
) => Promise<Held>;

const messageOf = (schema: DescMessage, message: object) => create(schema, message as never);
const ways: Record<string, Send> = {
  'Connect, HTTP/1.1': (rpc, schema, message, headers) =>
    hold({
      path: rpc,
      headers: { ...headers, 'content-type': 'application/json' },
      body: Buffer.from(toJsonString(schema, messageOf(schema, message))),
    }),
  'Connect, HTTP/2': (rpc, schema, message, headers) =>
    hold2({
      path: rpc,
      headers: { ...headers, 'content-type': 'application/proto' },
      body: Buffer.from(toBinary(schema, messageOf(schema, message))),
    }),
  'gRPC-Web': (rpc, schema, message, headers) =>
    hold({
      path: rpc,
      headers: { ...headers, 'content-type': 'application/grpc-web+proto' },
      body: enveloped(toBinary(schema, messageOf(schema, message))),
    }),
  gRPC: (rpc, schema, message, headers) =>
    hold2({
      path: rpc,
      headers: { ...headers, 'content-type': 'application/grpc+proto' },
      body: enveloped(toBinary(schema, messageOf(schema, message))),
    }),
};

const editUser = '/manam.v1.ProfileService/EditUser';

test.each(Object.entries(ways))(
  'a delayed body is rejected when its session has ended, over %s',
  async (_, send) => {
    const user = await signUp(testApp());
    const { tokens } = await testApp().client(AuthService).login({ email: user.email, password });
    const headers = { ...bearer(user.accessToken), 'x-api-key': testApp().dev.publishable };
    const change = { firstName: 'Intruder' };
    const [held, control] = [
      await send(editUser, EditUserRequestSchema, change, headers),
      await send(
        editUser,
        EditUserRequestSchema,
        { lastName: 'Slow' },
        { ...headers, ...bearer(tokens?.accessToken ?? '') },
      ),
    ];
    await testApp()
      .client(AuthService, bearer(tokens?.accessToken ?? ''))
      .revokeOtherSessions({});
    await pause(150);
    expect(await read(held)).toContain('TOKEN_INVALID');
    expect(await read(control)).toContain('Slow');
    const { user: now } = await testApp()
      .client(ProfileService, bearer(tokens?.accessToken ?? ''))
      .viewUser({});
    expect([now?.firstName, now?.lastName]).toEqual(['Sara', 'Slow']);
  },
);

test('a delayed body is rejected when its session has ended, over REST', async () => {
  const user = await signUp(testApp());
  const { tokens } = await testApp().client(AuthService).login({ email: user.email, password });
  const headers = { ...bearer(user.accessToken), 'content-type': 'application/json' };
  const held = await hold({ path: '/edit_user', headers, body: Buffer.from('{"firstname":"Intruder"}') });
  await testApp()
    .client(AuthService, bearer(tokens?.accessToken ?? ''))
    .revokeOtherSessions({});
  await pause(150);
  expect(await read(held)).toContain('TOKEN_INVALID');
});

test.each(Object.entries(ways))(
  'a delayed body is rejected when its key was revoked, over %s',
  async (_, send) => {
    const { userId, email } = await signUp(testApp());
    const key = await testApp().createKey('secret', ['users.write', 'users.credentials']);
    const message = { userId, password: 'another-orbit-lantern-48' };
    const rpc = '/manam.v1.ManagementService/SetUserPassword';
    const held = await send(rpc, ManagementService.method.setUserPassword.input, message, {
      'x-api-key': key,
    });
    await testApp().sql('UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(3) ORDER BY id DESC LIMIT 1');
    await testApp().catchUp();
    await pause(150);
    expect(await read(held)).toContain('KEY_INVALID');
    await testApp().client(AuthService).login({ email, password });
  },
);

test.each(Object.entries(ways))(
  'a delayed body is rejected when its member was removed, over %s',
  async (_, send) => {
    const admin = await makeMember(testApp(), 'admin');
    const tenantId = (await testApp().app.store.tenants.findBySlug('dev'))?.id ?? '';
    const rpc = '/manam.v1.ManagementService/CreateKey';
    const message = { kind: 'secret', label: 'mine', scopes: ['users.read'] };
    const held = await send(rpc, ManagementService.method.createKey.input, message, admin.headers);
    await testApp().app.store.members.delete(tenantId, admin.userId);
    await pause(150);
    expect(await read(held)).toContain('NOT_FOUND');
    const calls = testApp().client(ManagementService, admin.headers);
    expect(await failureOf(calls.getTenant({}))).toMatchObject({ reason: 'NOT_FOUND' });
  },
);

test('a delayed body is rejected when its operator key was revoked', async () => {
  const app = await startTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
  const key = await makeAdminKey(app);
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const path = '/manam.admin.v1.AdminService/SuspendTenant';
  const held = await hold({ path, headers, body: Buffer.from('{"tenant":"dev"}') }, app.adminUrl);
  await app.sql('UPDATE admin_keys SET revoked_at = UTC_TIMESTAMP(3)');
  await pause(150);
  expect(await read(held)).toContain('ADMIN_KEY_INVALID');
  expect((await app.app.store.tenants.findBySlug('dev'))?.status).toBe('active');
  await app.close();
});

test('a password change is rejected when its session ends before it commits', async () => {
  const user = await signUp(testApp());
  const tenantId = (await testApp().app.store.tenants.findBySlug('dev'))?.id ?? '';
  let change: Promise<unknown> = Promise.resolve();
  await testApp().app.store.transaction(async ({ users, sessions }) => {
    await users.lock(tenantId, user.userId);
    // It has passed the gate, and waits for its user.
    change = failureOf(
      testApp()
        .client(RecoveryService, bearer(user.accessToken))
        .changePassword({ currentPassword: password, password: 'an-intruders-orbit-47' }),
    );
    await pause(300);
    await sessions.revokeOthers(tenantId, user.userId, undefined, testApp().now());
  });
  expect(await change).toMatchObject({ reason: 'TOKEN_INVALID' });
  await testApp().client(AuthService).login({ email: user.email, password });
});
