import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type BenchServer = {
  readonly url: string;
  readonly publishableKey: string;
  readonly secretKey: string;
  /** The publishable key of another tenant. */
  readonly otherKey: string;
  /** The code of the newest captured message to an address. */
  codeFor(to: string): Promise<string>;
  stop(): Promise<void>;
};

/** Starts the service as a user would: a process of its own, production hash, private database. */
export async function startServer(): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), 'manam-bench-'));
  const child = spawn('node', ['src/main.ts'], {
    env: {
      ...process.env,
      MANAM_DATA: folder,
      PORT: '0',
      METRICS_PORT: 'off',
      LOG_LEVEL: 'error',
      MAX_CONNECTIONS_PER_ADDRESS: '10000',
      LIMIT_GUESSES_PER_NETWORK: '1000000000',
      LIMIT_GUESSES_PER_TENANT: '1000000000',
      LIMIT_MESSAGES_PER_NETWORK: '1000000000',
      LIMIT_MESSAGES_PER_TENANT: '1000000000',
      LIMIT_EMAILS_PER_RECIPIENT: '1000000000',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('all of it in')) resolve();
    });
    child.once('exit', () => reject(new Error(`the server did not start: ${output}`)));
  });
  const dev = JSON.parse(readFileSync(join(folder, 'dev.json'), 'utf8')) as Record<string, string>;
  const url = dev['url'] ?? '';
  return {
    url,
    publishableKey: dev['publishable_key'] ?? '',
    secretKey: dev['secret_key'] ?? '',
    otherKey: dev['manam_publishable_key'] ?? '',
    codeFor: async (to) => {
      const messages = await fetch(`${url}/dev/messages?to=${encodeURIComponent(to)}`);
      const [message] = (await messages.json()) as { code: string }[];
      return message?.code ?? '';
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
