import { execFile } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
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

test('a release has both packages, the contract, what is in them, and the checksums of all', async () => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  await run(process.execPath, [join(root, 'tools/release.ts'), '--trial'], {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
  });
  const out = join(folder, 'built/release');
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  expect(readdirSync(out).sort()).toEqual(
    [
      'SHA256SUMS',
      `manam-${version}.cdx.json`,
      `manam-${version}.tgz`,
      `manam-client-${version}.cdx.json`,
      `manam-client-${version}.tgz`,
      `manam-proto-${version}.tgz`,
    ].sort(),
  );
  await run('sha256sum', ['--strict', '--check', 'SHA256SUMS'], { cwd: out });
  expect(readFileSync(join(out, 'SHA256SUMS'), 'utf8').trim().split('\n')).toHaveLength(5);
  // A bill names every package that is asked for, and no tool.
  const partsOf = (name: string) => {
    const { bomFormat, components } = JSON.parse(readFileSync(join(out, name), 'utf8')) as {
      bomFormat: string;
      components: { name: string; group?: string }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    return components.map(({ group, name: part }) => (group === undefined ? part : `${group}/${part}`));
  };
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const parts = partsOf(`manam-${version}.cdx.json`);
  expect(Object.keys(dependencies).filter((name) => !parts.includes(name))).toEqual([]);
  expect(parts).not.toContain('vitest');
  expect(partsOf(`manam-client-${version}.cdx.json`)).toEqual(
    expect.arrayContaining(['jose', '@bufbuild/protobuf', '@connectrpc/connect']),
  );
}, 300_000);
