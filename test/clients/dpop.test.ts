import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { generate } from 'selfsigned';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import * as connect from '../../src/clients/connect.ts';
import * as grpc from '../../src/clients/grpc.ts';
import { createProofKey, dpop } from '../../src/clients/proof-key.ts';
import { createSession } from '../../src/clients/tokens.ts';
import { AccessTokenError, createAccessTokenVerifier } from '../../src/clients/verify.ts';
import { password, startTestApp, useTestApp } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';

// Clients that bind their sessions to a key (RFC 9449), and back ends that check it.

const testApp = useTestApp();

const makers = { connect: connect.createManam, grpc: grpc.createManam };

for (const [name, createManam] of Object.entries(makers)) {
  test(`a ${name} client with a key binds its session and renews it`, async () => {
    const { url, dev, advance } = testApp();
    const { email } = await signUp(testApp());
    const options = { url, key: dev.publishable, proofKey: createProofKey() };
    const plain = createManam(options);
    const tokens = createSession({ auth: plain.auth });
    const manam = createManam({ ...options, tokens });
    const answer = await plain.auth.login({ email, password });
    expect(answer.tokens?.tokenType).toBe('DPoP');
    if (answer.tokens !== undefined) await tokens.set(answer.tokens);
    expect((await manam.auth.listSessions({})).sessions).toHaveLength(2);
    // The token has ended at the service: the client gets another one and goes on.
    advance(700_000);
    expect((await manam.auth.listSessions({})).sessions).toHaveLength(2);
    const stolen = createManam({ url, key: dev.publishable });
    const headers = dpop((await tokens.get()) ?? '');
    expect(connect.readFailure(await thrownBy(stolen.auth.listSessions({}, { headers }))).reason).toBe(
      'DPOP_PROOF_INVALID',
    );
    for (const each of [plain, manam]) (each as Partial<grpc.Closable>).close?.();
  });
}

test('a back end takes a bound token with the proof of its key alone, once', async () => {
  const { url, dev, app, now } = testApp();
  const { email } = await signUp(testApp());
  const key = createProofKey();
  const manam = connect.createManam({ url, key: dev.publishable, proofKey: key });
  const { tokens, userId } = await manam.auth.login({ email, password });
  const token = tokens?.accessToken ?? '';
  const tenantId = (await app.store.tenants.findBySlug('dev'))?.id ?? '';
  const issuer = 'http://localhost:0';
  const verify = createAccessTokenVerifier({
    issuer,
    tenantId,
    jwksUrl: `${url}/.well-known/jwks.json`,
    now,
  });
  const order = { method: 'POST', url: 'https://api.tenant.com/orders?x=1' };
  key.setTime(now().getTime() / 1000);
  const prove = (changes: object = {}) => key.prove({ ...order, accessToken: token, ...changes });

  const proof = await prove();
  expect(await verify(token, { ...order, proof })).toMatchObject({ userId });
  const refused: [what: string, request: Parameters<typeof verify>[1]][] = [
    ['no request', undefined],
    ['no proof', { ...order, proof: undefined }],
    ['the same proof again', { ...order, proof }],
    ['the proof of another method', { ...order, proof: await prove({ method: 'GET' }) }],
    ['the proof of another URL', { ...order, proof: await prove({ url: 'https://api.tenant.com/' }) }],
    ['the proof of another token', { ...order, proof: await prove({ accessToken: 'x' }) }],
    [
      'the proof of another key',
      { ...order, proof: await createProofKey().prove({ ...order, accessToken: token }) },
    ],
  ];
  for (const [what, request] of refused)
    expect(await thrownBy(verify(token, request)), what).toBeInstanceOf(AccessTokenError);
  // A token that is bound to nothing needs none.
  const bearer = await signUp(testApp());
  expect(await verify(bearer.accessToken)).toMatchObject({ userId: bearer.userId });
});

test('call credentials for stubs of other generators prove each call over TLS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-dpop-'));
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  writeFileSync(tls.certFile, cert);
  writeFileSync(tls.keyFile, key);
  const secure = await startTestApp({ config: { tls } });
  const { email } = await signUp(secure);
  const address = `localhost:${new URL(secure.url).port}`;
  const client = new Client(address, credentials.createSsl(Buffer.from(cert)));
  const metadata = new Metadata();
  metadata.set('x-api-key', secure.dev.publishable);
  const { input, output } = AuthService.method.login;
  const call = (procedure: string, headers: Metadata, options: object) =>
    new Promise<MessageShape<typeof output>>((resolve, reject) => {
      client.makeUnaryRequest(
        procedure,
        (value: MessageShape<typeof input>) => Buffer.from(toBinary(input, value)),
        (bytes) => fromBinary(output, bytes),
        create(input, { email, password }),
        headers,
        options,
        (error, value) => (error === null && value !== undefined ? resolve(value) : reject(error)),
      );
    });
  const proofs = grpc.createProofCredentials(createProofKey(), `https://${address}`);
  const answer = await call('/manam.v1.AuthService/Login', metadata, { credentials: proofs });
  expect(answer.tokens?.tokenType).toBe('DPoP');
  client.close();
  await secure.close();
});
