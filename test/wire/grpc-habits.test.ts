import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.js';
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '../../gen/health/v1/health_pb.js';
import { startTestApp, useTestApp } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';

const testApp = useTestApp();
const run = promisify(execFile);
const health = () => createClient(Health, createGrpcTransport({ baseUrl: testApp().url }));

/** The output of `buf curl` without any file of this service. */
async function bufCurl(url: string, path: string, ...args: string[]): Promise<unknown> {
  const options = ['curl', '--http2-prior-knowledge', '--protocol', 'grpc', ...args, `${url}/${path}`];
  const { stdout } = await run('buf', options, { cwd: '/tmp' });
  return JSON.parse(stdout);
}

/** Calls Check as a probe does, by the name of a service. */
function probe(url: string, service: string): Promise<HealthCheckResponse> {
  const client = new Client(new URL(url).host, credentials.createInsecure());
  return new Promise<HealthCheckResponse>((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => fromBinary(HealthCheckResponseSchema, bytes),
      toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })),
      { deadline: Date.now() + 5000 },
      (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
    );
  }).finally(() => client.close());
}

test('a gRPC probe learns that the instance and each of its services serve', async () => {
  for (const service of ['', 'manam.v1.AuthService', 'manam.v1.ProfileService', 'liveness']) {
    expect((await probe(testApp().url, service)).status, service).toBe(Status.SERVING);
  }
  const refusal = (await thrownBy(probe(testApp().url, 'nobody.v1.Service'))) as ServiceError;
  expect({ code: refusal.code, details: refusal.details }).toEqual({ code: 5, details: 'unknown service' });
});

test('serves health over Connect as well, and lists it by service', async () => {
  const client = createClient(Health, createConnectTransport({ baseUrl: testApp().url, httpVersion: '1.1' }));
  expect((await client.check({})).status).toBe(Status.SERVING);
  const { statuses } = await client.list({});
  expect(Object.keys(statuses).sort()).toEqual([
    '',
    'liveness',
    'manam.v1.AuthService',
    'manam.v1.AuthorizationService',
    'manam.v1.EventService',
    'manam.v1.ManagementService',
    'manam.v1.OAuthService',
    'manam.v1.PasskeyService',
    'manam.v1.ProfileService',
    'manam.v1.ProviderService',
    'manam.v1.RecoveryService',
    'manam.v1.TwoFactorService',
    'manam.v1.WebhookService',
  ]);
});

test('an instance whose clock is wrong does not serve, but lives', async () => {
  const { advance, url } = testApp();
  advance(60_000);
  expect((await probe(url, '')).status).toBe(Status.NOT_SERVING);
  expect((await probe(url, 'liveness')).status).toBe(Status.SERVING);
  advance(-60_000);
  expect((await probe(url, '')).status).toBe(Status.SERVING);
});

test('notifies a watcher at once, at every change, and at the end', async () => {
  const app = await startTestApp();
  const client = createClient(Health, createGrpcTransport({ baseUrl: app.url }));
  const seen: Status[] = [];
  let closed: Promise<void> | undefined;
  for await (const { status } of client.watch({})) {
    seen.push(status);
    if (seen.length === 1) app.advance(60_000);
    if (seen.length === 2) app.advance(-60_000);
    if (seen.length === 3) closed = app.close();
  }
  await closed;
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]);
});

test('reports an unknown service to its watcher and keeps the stream open', async () => {
  const leaving = new AbortController();
  const seen: Status[] = [];
  const watching = (async () => {
    for await (const { status } of health().watch({ service: 'nobody' }, { signal: leaving.signal })) {
      seen.push(status);
      leaving.abort();
    }
  })();
  await thrownBy(watching);
  expect(seen).toEqual([Status.SERVICE_UNKNOWN]);
});

test('one address cannot take all places of watchers', async () => {
  const leaving = new AbortController();
  const held = Array.from({ length: 10 }, () =>
    health().watch({}, { signal: leaving.signal })[Symbol.asyncIterator](),
  );
  for (const each of held) await each.next();
  expect(await thrownBy(health().watch({})[Symbol.asyncIterator]().next())).toMatchObject({ code: 8 });
  leaving.abort();
});

test('buf curl finds the contract by reflection and calls by it', async () => {
  const { url, dev } = testApp();
  const listed = await run('buf', ['curl', '--http2-prior-knowledge', '--list-services', url], {
    cwd: '/tmp',
  });
  expect(listed.stdout.trim().split('\n').sort()).toEqual([
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'manam.v1.AuthService',
    'manam.v1.AuthorizationService',
    'manam.v1.EventService',
    'manam.v1.ManagementService',
    'manam.v1.OAuthService',
    'manam.v1.PasskeyService',
    'manam.v1.ProfileService',
    'manam.v1.ProviderService',
    'manam.v1.RecoveryService',
    'manam.v1.TwoFactorService',
    'manam.v1.WebhookService',
  ]);
  expect(await bufCurl(url, 'grpc.health.v1.Health/Check', '-d', '{}')).toEqual({ status: 'SERVING' });
  const answer = await bufCurl(
    url,
    'manam.v1.AuthService/Register',
    ...['-H', `apieco_key: ${dev.publishable}`],
    ...['-d', '{"email":"reflected@example.com","password":"quiet-orbit-lantern-47"}'],
  );
  expect(answer).toMatchObject({ account: { email: 'reflected@example.com' } });
});

test('reflection returns files, symbols and extensions, and NOT_FOUND for others', async () => {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: testApp().url }));
  const extension = (containingType: string, extensionNumber: number) =>
    ({ case: 'fileContainingExtension', value: { containingType, extensionNumber } }) as const;
  const questions = [
    { case: 'fileByFilename', value: 'manam/v1/session.proto' },
    { case: 'fileContainingSymbol', value: 'manam.v1.AuthService' },
    { case: 'fileContainingSymbol', value: 'manam.v1.AuthService.Login' },
    { case: 'fileContainingSymbol', value: 'manam.v1.LoginRequest.password' },
    extension('google.protobuf.MethodOptions', 50_101),
    { case: 'allExtensionNumbersOfType', value: 'google.protobuf.FieldOptions' },
    { case: 'fileContainingSymbol', value: 'manam.v1.ErrorReason' },
    { case: 'fileContainingSymbol', value: 'manam.v1.ERROR_REASON_INTERNAL' },
    { case: 'fileContainingSymbol', value: 'manam.v1.AuthService.Nothing' },
    { case: 'fileByFilename', value: 'secret.proto' },
    extension('google.protobuf.MethodOptions', 1),
    { case: undefined },
  ] as const;
  async function* ask() {
    for (const messageRequest of questions) yield { host: 'here', messageRequest };
  }
  const answers: unknown[] = [];
  for await (const { messageResponse, validHost } of client.serverReflectionInfo(ask())) {
    expect(validHost).toBe('here');
    const { value } = messageResponse;
    if (messageResponse.case === 'fileDescriptorResponse')
      answers.push(messageResponse.value.fileDescriptorProto.length > 0 ? 'files' : 'nothing');
    else if (messageResponse.case === 'errorResponse') answers.push(messageResponse.value.errorCode);
    else if (messageResponse.case === 'allExtensionNumbersResponse')
      answers.push(messageResponse.value.extensionNumber);
    else answers.push(value);
  }
  expect(answers).toEqual([
    ...Array.from({ length: 5 }, () => 'files'),
    [50_103, 50_106, 50_107],
    'files',
    'files',
    5,
    5,
    5,
    3,
  ]);
});

test('a client that asks for v1alpha, as older ones do, is answered too', async () => {
  const { url } = testApp();
  const { stdout } = await run(
    'buf',
    ['curl', '--http2-prior-knowledge', '--reflect-protocol', 'grpc-v1alpha', '--list-methods', url],
    { cwd: '/tmp' },
  );
  expect(stdout).toContain('manam.v1.TwoFactorService/ValidateTotp');
});

const silent = await startTestApp({ config: { reflection: false } });
afterAll(() => silent.close());

test('where reflection is off, as in production, no one learns the contract from the server', async () => {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: silent.url }));
  const answers = client.serverReflectionInfo(
    (async function* () {
      yield { messageRequest: { case: 'listServices', value: '' } as const };
    })(),
  );
  expect(await thrownBy(answers[Symbol.asyncIterator]().next())).toMatchObject({ code: 12 });
  expect((await probe(silent.url, '')).status).toBe(Status.SERVING);
});
