import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import { serverDeadlineMs } from '../../src/server/deadline.ts';
import { createTestDatabase } from './database.ts';
import { tell } from './figures.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

/** Where attacks come from: an address that no one else calls from. */
export const attacker = '127.0.0.9';
export const loginPath = '/manam.v1.AuthService/Login';

/** The response; status 0 if the connection broke. */
export type Sent = { readonly status: number; readonly body: string };

/** Number of calls that measure the duration without an attack. */
const quietCalls = 200;

/**
 * A service under attack while another party calls it. It is a separate process, so
 * that nothing it leaves unhandled can hide.
 */
export function useAbuseScene() {
  let service: ServerProcess;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let folder: string;
  let complaints = '';
  let baselineMb: number;
  let quietMs: number;

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = mkdtempSync(join(tmpdir(), 'manam-abuse-'));
    service = await startServerProcess(database.url, folder, {
      LOG_LEVEL: 'error',
      // Room for what it needs, and none to collect what no one needs any more.
      NODE_OPTIONS: '--max-old-space-size=160',
      // The honest user is wrong as often as this machine is fast.
      LIMIT_GUESSES_PER_NETWORK: '1000000',
      LIMIT_GUESSES_PER_TENANT: '1000000',
    });
    service.child.stderr?.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    const startedAt = performance.now();
    for (let call = 0; call < quietCalls; call += 1) await callAsOther();
    quietMs = (performance.now() - startedAt) / quietCalls;
    baselineMb = residentMb();
  }, 60_000);
  afterAll(async () => {
    service.child.kill('SIGKILL');
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  const port = () => Number(new URL(service.url).port);

  /** Memory of the process, in MB. */
  function residentMb(): number {
    const text = readFileSync(`/proc/${service.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024;
  }

  /** A call of an honest user, who comes back when a busy service asks for it; returns its duration. */
  async function callAsOther(): Promise<number> {
    const startedAt = performance.now();
    for (;;) {
      const answer = await fetch(service.url + loginPath, {
        method: 'POST',
        headers: { apieco_key: service.key, 'content-type': 'application/json' },
        body: '{"email":"nobody@example.com","password":"wrong-orbit-lantern-1"}',
      });
      const body = await answer.text();
      if (answer.status !== 429) {
        expect(answer.status, body).toBe(401);
        return performance.now() - startedAt;
      }
      await pause(1000 * Number(answer.headers.get('retry-after') ?? 1));
    }
  }

  /** Runs an attack while another party calls; they are served all along, and afterwards the service is as before. */
  async function survive(what: string, attack: () => Promise<object | undefined>): Promise<void> {
    let isOver = false;
    const times: number[] = [];
    const other = (async () => {
      while (!isOver) {
        times.push(await callAsOther());
        await pause(20);
      }
    })();
    const figures = await attack().finally(() => {
      isOver = true;
    });
    await other;
    times.sort((a, b) => a - b);
    const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
    expect(service.child.exitCode).toBeNull();
    expect(complaints).toBe('');
    // Served within the deadline of a call, whatever this machine can do today: quiet calls were measured in the same run.
    expect(p99).toBeLessThan(Math.max(serverDeadlineMs, 20 * quietMs));
    tell(what, { otherCalls: times.length, p99Ms: Math.round(p99), ...figures });
  }

  /** Expects that the service runs, has complained of nothing, and that its memory is back. */
  async function expectAsBefore(): Promise<void> {
    // Garbage is collected during work.
    for (let call = 0; call < 300; call += 1) await callAsOther();
    const nowMb = residentMb();
    expect(service.child.exitCode).toBeNull();
    expect(complaints).toBe('');
    expect(nowMb - baselineMb).toBeLessThan(200);
    tell('memory', { baselineMb: Math.round(baselineMb), nowMb: Math.round(nowMb) });
  }

  /** One request of HTTP/1.1 from the attacker's address. */
  function send(
    path: string,
    headers: Record<string, string>,
    body: Buffer | string,
    agent?: Agent,
    method = 'POST',
  ): Promise<Sent> {
    return new Promise((resolve) => {
      const call = request(
        {
          host: '127.0.0.1',
          port: port(),
          path,
          method,
          headers,
          localAddress: attacker,
          ...(agent && { agent }),
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
          response.on('error', () => resolve({ status: 0, body: '' }));
        },
      );
      call.on('error', () => resolve({ status: 0, body: '' }));
      call.end(body);
    });
  }

  /** Sends bytes as they are; returns all that returns until the server ends it or has been silent for a while. */
  async function sendRaw(bytes: string | Buffer, silentMs = 700): Promise<string> {
    const socket = connect({ port: port(), host: '127.0.0.1', localAddress: attacker });
    socket.on('error', () => {});
    await once(socket, 'connect');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.write(bytes);
    await Promise.race([once(socket, 'close'), pause(silentMs)]);
    socket.destroy();
    return answer;
  }

  return { service: () => service, port, residentMb, survive, expectAsBefore, send, sendRaw };
}
