import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const install = new URL('../../src/store/embedded/install.ts', import.meta.url).href;

test('programs that install packages at the same time do so one after the other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-install-'));
  // Gives up where another one is at work, as apt-get does while another one reads the lists.
  const apt = `#!/bin/sh\nmkdir ${folder}/at-work || exit 100\nsleep 0.3\nrmdir ${folder}/at-work\n`;
  writeFileSync(join(folder, 'apt-get'), apt, { mode: 0o755 });
  symlinkSync('/usr/bin/flock', join(folder, 'flock'));
  const script = `import { installPackages } from '${install}'; console.log(installPackages(['x'], ['${folder}']))`;
  const installs = await Promise.all(
    [1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script])),
  );
  // Only root may install packages.
  const may = process.getuid?.() === 0;
  expect(installs.map(({ stdout }) => stdout.trim())).toEqual([may, may, may].map(String));
  rmSync(folder, { recursive: true });
});
