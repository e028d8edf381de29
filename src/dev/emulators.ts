import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportPKCS8, generateKeyPair } from 'jose';
import { type ForeignKind, foreignKinds } from '../domain/connection.ts';
import { createEmulator, type Emulator, type EmulatorAnswer } from './emulator.ts';

// Emulates the identity providers, for tests and for development before a client is registered with one.
// Any account signs in without a password, so production configuration rejects their address.

export type Emulators = {
  readonly url: string;
  of(kind: ForeignKind): Emulator;
  /** The private key of clients at the emulated Apple, in PEM. */
  readonly applePrivateKey: string;
  close(): Promise<void>;
};

/** The team and the key of clients at the emulated Apple. */
export const emulatedApple = { teamId: 'TEAM123456', keyId: 'KEY1234567' } as const;

export async function startEmulators(port = 0, now = () => new Date()): Promise<Emulators> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const applePrivateKey = await exportPKCS8(pair.privateKey);
  const appleKey = { publicKey: pair.publicKey, teamId: emulatedApple.teamId };
  const made = new Map<string, Awaited<ReturnType<typeof createEmulator>>>();

  async function answer(request: IncomingMessage, body: string): Promise<EmulatorAnswer> {
    const location = new URL(request.url ?? '', url);
    // Apple gives a client its key on a page; development tenants fetch theirs.
    if (location.pathname === '/apple/client-key')
      return { status: 200, type: 'text/plain', body: applePrivateKey };
    const found = made.get(location.pathname.split('/')[1] ?? '');
    return found === undefined ? { status: 404, body: '{}' } : await found.answer(request, location, body);
  }

  function refuse(error: Error): EmulatorAnswer {
    return { status: 400, type: 'text/plain', body: error.message };
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const given = await answer(request, Buffer.concat(chunks).toString()).catch(refuse);
      const { status, type = 'application/json', body, location } = given;
      response.writeHead(status, { 'content-type': type, ...(location && { location }) }).end(body);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const kind of foreignKinds)
    made.set(kind, await createEmulator(kind, `${url}/${kind}`, now, appleKey));

  return {
    url,
    of: (kind) => {
      const found = made.get(kind);
      if (found === undefined) throw new Error(`no emulator of ${kind}`);
      return found.emulator;
    },
    applePrivateKey,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
