import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);
export const root = new URL('../..', import.meta.url).pathname;

type Installed = { readonly hasInstallScript?: boolean };

/** A project of a stranger, who installs what we pack. */
export type Project = {
  readonly folder: string;
  install(...packages: string[]): Promise<void>;
  /** Writes a file; returns its path. */
  write(name: string, text: string): string;
  /** The packages that are installed, by their folder. */
  installed(): Readonly<Record<string, Installed>>;
  /** The size of all files that are installed, in bytes. */
  bytes(): number;
  remove(): void;
};

export function createProject(name: string): Project {
  const folder = mkdtempSync(join(tmpdir(), `manam-${name}-`));
  const write = (file: string, text: string) => {
    const path = join(folder, file);
    writeFileSync(path, text);
    return path;
  };
  write('package.json', JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  return {
    folder,
    write,
    async install(...packages) {
      const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
      // `npm test` hands its own .npmrc on; the project of a stranger has none.
      const { npm_config_strict_allow_scripts: _, ...env } = process.env;
      await run('npm', ['install', ...quiet, ...packages], { cwd: folder, env });
    },
    installed() {
      const text = readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8');
      return (JSON.parse(text) as { readonly packages: Record<string, Installed> }).packages;
    },
    bytes() {
      const modules = join(folder, 'node_modules');
      return readdirSync(modules, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .reduce((sum, { parentPath, name: file }) => sum + statSync(join(parentPath, file)).size, 0);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Packs a folder of ours into a project; returns the archive. */
export async function packInto({ folder }: Project, source: string): Promise<string> {
  await run('npm', ['pack', '--pack-destination', folder], { cwd: source });
  const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  return join(folder, archive);
}

/** Builds and packs the client; returns the archive. */
export async function packClient(project: Project): Promise<string> {
  const built = join(project.folder, 'built');
  await run(process.execPath, ['tools/build-client.ts', built], { cwd: root });
  const archive = await packInto(project, built);
  rmSync(built, { recursive: true });
  return archive;
}
