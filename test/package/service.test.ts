import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, packInto, root, run } from '../support/client-project.ts';
import { createTestDatabase } from '../support/database.ts';

const project = createProject('service');
beforeAll(async () => {
  await project.install(await packInto(project, root));
}, 300_000);
afterAll(() => project.remove());

test('the installed package brings the command line', async () => {
  const database = await createTestDatabase();
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    MANAM_ISSUER: 'https://id.example.com',
  };
  const manam = (...args: string[]) => run('npx', ['manam', ...args], { cwd: project.folder, env });
  await manam('migrate', 'up');
  await manam('tenant', 'create', 'acme', '--set', 'senders.default=info@acme.example');
  expect((await manam('tenant', 'list')).stdout).toMatch(/acme +acme +active/);
  await expect(manam('tenant', 'show', 'nobody')).rejects.toMatchObject({ code: 3 });
  await database.drop();
}, 60_000);

test('the package contains its runtime files and no development files', () => {
  const inside = readdirSync(join(project.folder, 'node_modules/manam'));
  expect(inside.sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'dist',
    'docs',
    'package.json',
  ]);
  expect(existsSync(join(project.folder, 'node_modules/manam/dist/proto/google/api/annotations.proto'))).toBe(
    true,
  );
});
