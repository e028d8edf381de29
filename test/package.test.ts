import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from './support/database.ts';

const run = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
let project = '';

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'manam-package-'));
  await run('npm', ['pack', '--pack-destination', project], { cwd: root });
  const [archive = ''] = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'tenant', private: true }));
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['install', ...quiet, join(project, archive)], { cwd: project });
}, 300_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

test('the installed package brings the command line', async () => {
  const database = await createTestDatabase();
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    MANAM_ISSUER: 'https://id.example.com',
  };
  const manam = (...args: string[]) => run('npx', ['manam', ...args], { cwd: project, env });
  await manam('migrate', 'up');
  await manam('tenant', 'create', 'acme', '--set', 'senders.default=info@acme.example');
  expect((await manam('tenant', 'list')).stdout).toMatch(/acme +acme +active/);
  await expect(manam('tenant', 'show', 'nobody')).rejects.toMatchObject({ code: 3 });
  await database.drop();
}, 60_000);

test('the package holds what it needs and nothing of the workshop', () => {
  const inside = readdirSync(join(project, 'node_modules/manam'));
  expect(inside.sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist',
    'docs',
    'package.json',
    'proto',
  ]);
});
