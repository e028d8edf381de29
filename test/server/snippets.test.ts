import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { snippetsFor } from '../../src/pages/console/snippets.ts';
import { useTestApp } from '../support/app.ts';

// What developers copy from the console runs as it stands there.

const testApp = useTestApp();
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'manam-snippets-'));
afterAll(() => rmSync(folder, { recursive: true }));

const textOf = (name: string) => {
  const { url, dev } = testApp();
  return snippetsFor({ url, key: dev.publishable }).find((each) => each.name === name)?.text ?? '';
};

/** Runs a snippet as a file of its language; returns what it printed. */
async function output(name: string, file: string, command: string): Promise<string> {
  const path = join(folder, file);
  writeFileSync(path, textOf(name));
  return (await run(command, [path])).stdout;
}

test('the lines for curl register a user and, once the address is proved, sign them in', async () => {
  const before = await output('curl', 'first.sh', 'sh');
  expect(before).toContain('you@example.com');
  expect(before).toContain('CREDENTIALS_INVALID');
  const [mail] = await testApp().messagesTo('you@example.com');
  await testApp()
    .client(AuthService)
    .confirmEmail({ cnf: mail?.code ?? '' });
  expect(await output('curl', 'second.sh', 'sh')).toContain('"accessToken":"ey');
});

test('the lines for Node and Python sign the same user in', async () => {
  expect(await output('Node', 'sign-in.mjs', 'node')).toContain("accessToken: 'ey");
  expect(await output('Python', 'sign_in.py', 'python3')).toContain("'accessToken': 'ey");
});

test('the lines for a page type-check against the client that it installs', async () => {
  const text = textOf('Browser').replace("'@manam/client/web'", "'../../src/clients/web.ts'");
  const path = join(import.meta.dirname, 'snippet.generated.ts');
  writeFileSync(path, text);
  try {
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024'];
    await run('node_modules/.bin/tsc', [
      ...flags,
      '--allowImportingTsExtensions',
      '--erasableSyntaxOnly',
      '--types',
      'node',
      '--ignoreConfig',
      path,
    ]);
  } finally {
    rmSync(path);
  }
});
