import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from './support/database.ts';
import { blocksOf } from './support/documents.ts';
import { freePort } from './support/federation.ts';

// Runs every command that the pages show. The last test lists those left to .ci/run.

const run = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
let folder = '';
let url = '';
let service: ChildProcess;

/** The environment of someone who has set nothing, but for ports that are free. */
function newcomer(more: Record<string, string> = {}) {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', METRICS_PORT: '0', ...more };
}

/** Starts a command and waits until it says what is expected. */
async function started(command: string, env: Record<string, string>, word: string): Promise<ChildProcess> {
  const child = spawn('bash', ['-ec', command], { cwd: folder, env, detached: true });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(word)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => reject(new Error(output)));
  });
  return child;
}

/** Ctrl-C, which reaches the whole group. */
async function interrupt(child: ChildProcess): Promise<number | null> {
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  process.kill(-(child.pid ?? 0), 'SIGINT');
  return await exited;
}

/** Types a block into the plainest of shells. */
async function type(block: string): Promise<string> {
  const { stdout } = await run('sh', ['-ec', block], {
    cwd: folder,
    env: newcomer(),
  });
  return stdout;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'manam-readme-'));
  for (const entry of readdirSync(root).filter((name) => !['.manam', '.git', 'package.json'].includes(name)))
    symlinkSync(join(root, entry), join(folder, entry));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  const port = await freePort();
  url = `http://localhost:${port}`;
  const [install, start] = (blocksOf('README.md', 'sh')[0] ?? '').trim().split('\n');
  expect(install).toBe('npm ci');
  service = await started(start ?? '', newcomer({ PORT: String(port) }), 'all of it in');
}, 300_000);
afterAll(async () => {
  await interrupt(service);
  rmSync(folder, { recursive: true, force: true });
});

test('the first start prints its address and writes the file that programs read', () => {
  const told = JSON.parse(readFileSync(join(folder, '.manam/dev.json'), 'utf8')) as Record<string, string>;
  expect(told['url']).toBe(url);
  expect(Object.keys(told)).toEqual([
    'url',
    'publishable_key',
    'secret_key',
    'manam_publishable_key',
    'manam_secret_key',
    'console_password',
  ]);
});

test('the first journey works with curl, over Connect and REST, and with gRPC', async () => {
  const [, connect = '', rest = '', grpc = ''] = blocksOf('README.md', 'sh');
  const output = await type([connect, 'echo ---', rest, 'echo ---', grpc].join('\n'));
  const [overConnect = '', overRest = '', overGrpc = ''] = output.split('---');
  expect(overConnect).toMatch(/"email":"sara\.\d+@example\.com"/);
  expect(overRest).toMatch(
    /"access_token":"ey.*"status":"success".*"email":"sara\.\d+@example\.com".*"status":"success"/s,
  );
  expect(overGrpc).toMatch(/"accessToken": "ey.*"status": "SERVING"/s);
  // And once more, because it is tried more than once.
  expect(await type(['sleep 1', connect].join('\n'))).toMatch(/"email":"sara\.\d+@example\.com"/);
}, 60_000);

test('an operator makes a tenant, a key and a look at everything', async () => {
  const [block = ''] = blocksOf('docs/operators.md', 'sh');
  const output = await type(block);
  expect(output).toMatch(/acme +Acme +active/);
  expect(output).toMatch(/manam_pk_[\w-]+/);
}, 60_000);

test('a tenant makes a user, finds it and reads its usage', async () => {
  const [block = ''] = blocksOf('docs/management.md', 'sh');
  const output = await type(block);
  expect(output).toMatch(/"first_name":"Parvin".*"users":\[\{.*"days":\[/s);
}, 60_000);

test('an operator connects a tenant with an identity provider', async () => {
  const [block = ''] = blocksOf('docs/federation.md', 'sh');
  const output = await type(block);
  expect(output).toMatch(/okta +oidc +yes +no +0oa1b2/);
  expect(output).toMatch(/redirect URI {2}http.*\/login\/callback\/acme\/okta/);
  expect(output).toMatch(/kept\n$/);
}, 60_000);

test('users are imported, exported and shown all that is held of them', async () => {
  const sara = { email: 'sara@example.com', email_confirmed: true, first_name: 'Sara' };
  writeFileSync(join(folder, 'users.ndjson'), `${JSON.stringify(sara)}\n`);
  const [block = ''] = blocksOf('docs/life-of-the-data.md', 'sh');
  const output = await type(block);
  expect(readFileSync(join(folder, 'users.ndjson'), 'utf8')).toContain('"sara@example.com"');
  expect(existsSync(join(folder, 'report.ndjson'))).toBe(true);
  expect(output).toContain('sara@example.com');
}, 60_000);

test('production starts as the README says, on a separate database', async () => {
  const database = await createTestDatabase();
  const block = blocksOf('README.md', 'sh').find((each) => each.includes('--production')) ?? '';
  const here = block.replace(/mysql:\/\/manam:\S+/, database.url.replaceAll('&', '\\&'));
  expect(here).not.toBe(block);
  const child = await started(
    here,
    newcomer({ PORT: '0', MANAM_DATA: join(folder, 'production') }),
    'manam: listening on',
  );
  await interrupt(child);
  await database.drop();
}, 60_000);

test('every other command of the pages is a script, and .ci/run runs what has to hold', () => {
  const development = blocksOf('README.md', 'sh').at(-1) ?? '';
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = [...development.matchAll(/^npm (?:run )?([\w:]+)/gm)].map(([, name]) => name ?? '');
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  const ci = readFileSync(join(root, '.ci/run'), 'utf8');
  const checked = ['generate', 'lint', 'typecheck', 'test'];
  expect(checked.filter((name) => !new RegExp(`npm (?:run )?${name}\\b`).test(ci))).toEqual([]);
  const pages = [
    'README.md',
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const blocks = pages.flatMap((page) => blocksOf(page, 'sh').map(() => page));
  // A new block is a new test.
  expect(blocks).toEqual([
    ...Array.from({ length: 6 }, () => 'README.md'),
    // What they name is built, rendered or verified in test/deploy.
    'docs/deployment.md',
    'docs/deployment.md',
    'docs/event-log.md',
    'docs/event-log.md',
    'docs/federation.md',
    'docs/life-of-the-data.md',
    'docs/management.md',
    // Its commands run in test/cli/applications.test.ts and in the tests of the examples.
    ...Array.from({ length: 4 }, () => 'docs/openid.md'),
    'docs/operators.md',
    // `npm install` of the package in test/package, its command in test/cli/applications.test.ts.
    'docs/react.md',
    'docs/react.md',
  ]);
});

test('the configuration table names every key that is read, and no other', () => {
  const sources = ['src/config/config.ts', 'src/config/delivery.ts', 'src/config/developers.ts']
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('');
  const read = [...sources.matchAll(/(?:text|needed|integer|flag)\(\s*'([A-Z_]+)'|'([A-Z][A-Z_]+_[A-Z_]+)'/g)]
    .map(([, a, b]) => a ?? b ?? '')
    .filter((name) => /^[A-Z]/.test(name) && !name.startsWith('OTEL_'));
  const table = readFileSync(join(root, 'README.md'), 'utf8').match(/^\| `[A-Z].*$/gm) ?? [];
  const told = table.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name ?? ''),
  );
  const derived = ['ADMIN_HOST', 'ADMIN_PORT', 'METRICS_HOST', 'METRICS_PORT'];
  const expected = new Set(
    [...read, ...derived].filter((name) => !['ADMIN', 'METRICS', 'NODE_ENV'].includes(name)),
  );
  expect(told.filter((name) => !name.startsWith('OTEL_')).sort()).toEqual([...expected].sort());
});

test('every page that a page links to is there', () => {
  const pages = [
    'README.md',
    ...readdirSync(join(root, 'docs'), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, link = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^https?:/.test(link)) continue;
      expect(existsSync(new URL(link, new URL(page, `file://${root}`))), `${link} of ${page}`).toBe(true);
    }
  }
});
