import { execFile } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, run } from '../support/client-project.ts';

const folder = mkdtempSync(join(tmpdir(), 'manam-release-'));
beforeAll(() => run('git', ['clone', '-q', '--depth', '1', `file://${root}`, folder]), 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a release of the clone says before it makes anything; it never passes here. */
const refusal = () =>
  new Promise<string>((resolve) => {
    const program = join(root, 'tools/release.ts');
    execFile(process.execPath, [program], { cwd: folder }, (_, __, stderr) => resolve(stderr));
  });

test('nothing is released without a section in the changelog, or with changes that are not committed', async () => {
  const section = 'release: it has to be so that CHANGELOG.md has a section "## 0.1.0"\n';
  expect(await refusal()).toBe(section);
  appendFileSync(join(folder, 'README.md'), 'x');
  expect(await refusal()).toBe(`release: it has to be so that everything is committed\n${section}`);
});
