import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import type { MasterKeys } from '../../src/adapters/keys.ts';

const root = new URL('../..', import.meta.url).pathname;

export type ServerProcess = {
  readonly child: ChildProcess;
  readonly url: string;
  readonly key: string;
  /** Waits until it has printed what matches; returns the first group. */
  said(pattern: RegExp): Promise<string>;
};

/** Starts the service as a separate process, to be killed, over a database of the run; of this version, or another checkout's. */
export async function startServerProcess(
  databaseUrl: string,
  folder: string,
  env: Record<string, string> = {},
  checkout: string = root,
): Promise<ServerProcess> {
  const child = spawn('node', ['src/main.ts'], {
    cwd: checkout,
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: databaseUrl,
      MANAM_DATA: folder,
      PORT: '0',
      METRICS_PORT: 'off',
      LOG_LEVEL: 'silent',
      HASH_MEMORY_KIB: '8',
      HASH_PASSES: '1',
      RESPONSE_FLOOR_MS: '0',
      ...env,
    },
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('all of it in')) resolve();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('exit', () => reject(new Error(output)));
  });
  const dev = JSON.parse(readFileSync(join(folder, 'dev.json'), 'utf8')) as Record<string, string>;
  const said = async (pattern: RegExp) => {
    for (;;) {
      const found = pattern.exec(output)?.[1];
      if (found !== undefined) return found;
      await pause(50);
    }
  };
  return { child, url: dev['url'] ?? '', key: dev['publishable_key'] ?? '', said };
}

/** Clients of such a service. */
export function clientsOf({ url, key }: ServerProcess, token = '') {
  const headers: Record<string, string> = {
    apieco_key: key,
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
  };
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
  return { auth: createClient(AuthService, transport), two: createClient(TwoFactorService, transport) };
}

/** The master keys that such a service made in its data folder. */
export function developmentMasterKeys(folder: string): MasterKeys {
  return {
    current: Buffer.from(readFileSync(join(folder, 'master.key'), 'utf8'), 'base64'),
    next: undefined,
  };
}
