import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

// Dependencies: exact versions, locked digests, licences that allow redistribution.

const root = new URL('..', import.meta.url);
const read = <T>(path: string) => JSON.parse(readFileSync(new URL(path, root), 'utf8')) as T;

type Package = {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
  readonly os?: string[];
  readonly cpu?: string[];
};

const { packages } = read<{ packages: Record<string, Package> }>('package-lock.json');
/** All packages but those of other platforms, which are named so that npm finds its lockfile whole. */
const installed = Object.entries(packages).filter(
  ([path, { optional, os, cpu, integrity }]) =>
    path !== '' && !(optional && (os ?? cpu) !== undefined && integrity === undefined),
);

/** Licences that ask for no more than to be named. */
const permissive = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  // As url-template has it, whose text is that of two clauses and the third.
  'BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);
/** Of tools that are used here and never passed on. */
const development = new Set([...permissive, 'MPL-2.0', 'CC-BY-4.0', 'LGPL-3.0-or-later']);

/** `A OR B` is ours to choose, `A AND B` is both. */
function isAllowed(license: string, allowed: ReadonlySet<string>): boolean {
  const text = license.replaceAll(/[()]/g, '');
  if (text.includes(' OR ')) return text.split(' OR ').some((each) => isAllowed(each, allowed));
  return text.split(' AND ').every((each) => allowed.has(each.trim()));
}

test('every dependency of this service is named by one exact version', () => {
  const { dependencies, devDependencies } = read<Record<string, Record<string, string>>>('package.json');
  const versions = Object.entries({ ...dependencies, ...devDependencies });
  expect(versions.length).toBeGreaterThan(40);
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('the lockfile holds a digest of every package, and all of them come from the one registry', () => {
  const loose = installed.filter(
    ([, { resolved = '', integrity = '' }]) =>
      !/^(https:\/\/registry\.npmjs\.org\/.*)?$/.test(resolved) || !integrity.startsWith('sha512-'),
  );
  expect(loose.map(([path]) => path)).toEqual([]);
});

test('what is passed on is under permissive licences, and what is only used here under free ones', () => {
  /** As manifests name it today, or as they did before npm had one field for it. */
  type Licensed = { readonly license?: string; readonly licenses?: readonly { readonly type: string }[] };
  const licenceOf = (path: string, { license }: Package) => {
    if (license !== undefined) return license;
    const { license: own, licenses = [] } = read<Licensed>(`${path}/package.json`);
    return own ?? (licenses.map(({ type }) => type).join(' OR ') || 'none');
  };
  const strange = installed
    .map(([path, each]) => ({ path, license: licenceOf(path, each), isDev: each.dev === true }))
    .filter(({ license, isDev }) => !isAllowed(license, isDev ? development : permissive));
  expect(strange).toEqual([]);
});

test('scripts of packages run at the installation only where we have said so', () => {
  const { allowScripts } = read<{ allowScripts: Record<string, boolean> }>('package.json');
  const asking = installed
    .filter(([path, { hasInstallScript }]) => hasInstallScript && !path.includes('fsevents'))
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  expect([...new Set(asking)].filter((name) => allowScripts[name] === undefined)).toEqual([]);
});

test('the bill of materials names every package, with its digest', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '-s', 'sbom'], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  const { bomFormat, components } = JSON.parse(stdout) as {
    bomFormat: string;
    components: { name: string; version: string; hashes?: unknown[] }[];
  };
  expect(bomFormat).toBe('CycloneDX');
  const named = new Set(components.map(({ name, version }) => `${name}@${version}`));
  const { dependencies } = read<{ dependencies: Record<string, string> }>('package.json');
  for (const [name, version] of Object.entries(dependencies))
    expect(named, name).toContain(`${name}@${version}`);
  // Whatever is installed has one.
  expect(components.length).toBeGreaterThan(200);
  const locked = new Set(installed.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 13)));
  const bare = components.filter(({ name, hashes }) => hashes === undefined && locked.has(name));
  expect(bare.map(({ name }) => name)).toEqual([]);
}, 60_000);
