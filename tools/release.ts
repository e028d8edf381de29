// Makes a release of the version in package.json: `npm run release`. Checks everything first, on what is committed, and writes into
// built/release/ the two packages, the contract, a bill of materials of each package (CycloneDX) and the checksums of all.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = process.cwd();
const out = join(root, 'built/release');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };

/** Runs a program; returns what it prints. */
function run(program: string, args: readonly string[], cwd = root): string {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** What has to be so before anything is made. */
const demands: Readonly<Record<string, () => boolean>> = {
  'everything is committed': () => run('git', ['status', '--porcelain']).trim() === '',
  [`CHANGELOG.md has a section "## ${version}"`]: () => read('CHANGELOG.md').includes(`\n## ${version}`),
  [`the chart is of version ${version}`]: () =>
    ['version', 'appVersion'].every((key) =>
      read('deploy/helm/manam/Chart.yaml').includes(`\n${key}: ${version}\n`),
    ),
};

// A test makes a release of a tree that is being worked on.
const isTrial = process.argv.includes('--trial');
const unmet = isTrial ? [] : Object.entries(demands).filter(([, holds]) => !holds());
if (unmet.length > 0) {
  for (const [demand] of unmet) console.error(`release: it has to be so that ${demand}`);
  process.exit(1);
}
if (!isTrial) execFileSync('bash', ['.ci/run'], { cwd: root, stdio: 'inherit' });

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
run('npm', ['pack', '--pack-destination', out]);
run(process.execPath, ['tools/build-client.ts']);
run('npm', ['pack', '--pack-destination', out], join(root, 'built/client'));
run(process.execPath, ['tools/export-proto.ts']);
run('tar', ['-czf', join(out, `manam-proto-${version}.tgz`), '-C', join(root, 'built/proto'), '.']);
// `npm sbom --omit dev` leaves out what the service shares with our tools: its bill is made of the manifest without those.
function billOf(folder: string): string {
  const own = mkdtempSync(join(tmpdir(), 'manam-bill-'));
  const { devDependencies: _, ...manifest } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as Record<string, unknown>;
  writeFileSync(join(own, 'package.json'), JSON.stringify(manifest));
  const lock = join(folder, 'package-lock.json');
  if (existsSync(lock)) copyFileSync(lock, join(own, 'package-lock.json'));
  run('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'], own);
  const form = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
  const bill = run('npm', ['sbom', ...form], own);
  rmSync(own, { recursive: true });
  return bill;
}
writeFileSync(join(out, `manam-${version}.cdx.json`), billOf(root));
// The client's by itself: npm resolves what it asks for.
writeFileSync(join(out, `manam-client-${version}.cdx.json`), billOf(join(root, 'built/client')));

const sums = readdirSync(out)
  .sort()
  .map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex')}  ${name}\n`,
  );
writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
console.log(`release ${version}: built/release/`);
for (const line of sums) process.stdout.write(line);
