import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

// The documents agree with the tree: links, requirement numbers, tests that they name.

const root = new URL('..', import.meta.url).pathname;
const read = (path: string) => readFileSync(join(root, path), 'utf8');

function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => ending.test(path));
}

const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'test/support/README.md',
  ...filesBelow('docs', /\.md$/),
];
const requirements = read('docs/security-requirements.md');

test('every link between documents leads to a file', () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)[^)]*\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test('every requirement number in the tree is explained', () => {
  const explained = new Set([...requirements.matchAll(/^\| ([RN]\d+) \|/gm)].map(([, id]) => id));
  const sources = [
    ...filesBelow('src', /\.(ts|tsx|sql)$/),
    ...filesBelow('test', /\.ts$/),
    ...filesBelow('proto', /\.proto$/),
    ...pages,
  ];
  const unexplained = sources.flatMap((path) =>
    [...read(path).matchAll(/\b[RN][1-9]\d?\b/g)]
      .filter(([id]) => !explained.has(id))
      .map(([id]) => `${path}: ${id}`),
  );
  expect(unexplained).toEqual([]);
});

test('every requirement names tests that exist', () => {
  const rows = [...requirements.matchAll(/^\| (R\d+) \| .* \| ([^|]*) \|$/gm)];
  const missing = rows.flatMap(([, id, tests = '']) =>
    [...tests.matchAll(/`([^`]+)`/g)]
      .filter(([, path = '']) => !existsSync(join(root, 'test', path)))
      .map(([, path]) => `${id}: ${path}`),
  );
  expect(missing).toEqual([]);
  expect(rows).toHaveLength(80);
});
