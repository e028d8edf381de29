import { expect, test } from 'vitest';
import {
  appendLeaves,
  createRootHasher,
  createTree,
  emptyRoot,
  leafHash,
  type ReadTile,
  verifyConsistency,
  verifyInclusion,
} from '../../src/domain/merkle.ts';

/** The leaves of the test vectors of Certificate Transparency (google/certificate-transparency, merkletree tests). */
const inputs = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leafOf = (index: number) => leafHash(Buffer.from(`leaf ${index}`));

/** A log whose tiles are filled in batches of several sizes. */
async function logOf(size: number, batch: number) {
  const tiles = new Map<string, Buffer>();
  const read: ReadTile = async (level, tile) => tiles.get(`${level}/${tile}`) ?? Buffer.alloc(0);
  for (let done = 0; done < size; done += batch) {
    const leaves = Array.from({ length: Math.min(batch, size - done) }, (_, index) => leafOf(done + index));
    for (const { level, tile, hashes } of await appendLeaves(read, done, leaves))
      tiles.set(`${level}/${tile}`, hashes);
  }
  return createTree(read);
}

test('roots are those of the published test vectors', () => {
  const hasher = createRootHasher();
  expect(hasher.root()).toEqual(emptyRoot);
  for (const [index, input] of inputs.entries()) {
    hasher.add(leafHash(Buffer.from(input, 'hex')));
    expect(hasher.root().toString('hex')).toBe(roots[index]);
  }
});

test('tiles give the same roots as leaves one by one, however they were filled', async () => {
  const hasher = createRootHasher();
  const log = await logOf(70_000, 977);
  for (let size = 1; size <= 70_000; size += 1) {
    hasher.add(leafOf(size - 1));
    if ([1, 2, 255, 256, 257, 511, 513, 65_535, 65_536, 65_537, 70_000].includes(size))
      expect(await log.root(size)).toEqual(hasher.root());
  }
});

test('every leaf of every small tree is proved, and no other index, leaf or size is', async () => {
  const log = await logOf(20, 7);
  for (let size = 1; size <= 20; size += 1) {
    const root = await log.root(size);
    for (let index = 0; index < size; index += 1) {
      const proof = await log.inclusion(index, size);
      expect(verifyInclusion(leafOf(index), index, { size, root }, proof)).toBe(true);
      expect(verifyInclusion(leafOf(index + 1), index, { size, root }, proof)).toBe(false);
      expect(verifyInclusion(leafOf(index), index + 1, { size, root }, proof)).toBe(false);
      expect(verifyInclusion(leafOf(index), index, { size, root }, [...proof, root])).toBe(false);
    }
  }
});

test('every tree is proved to be a beginning of every larger one, and a changed one is not', async () => {
  const log = await logOf(20, 5);
  for (let from = 0; from <= 20; from += 1) {
    const first = { size: from, root: await log.root(from) };
    for (let to = from; to <= 20; to += 1) {
      const second = { size: to, root: await log.root(to) };
      const proof = await log.consistency(from, to);
      expect(verifyConsistency(first, second, proof)).toBe(true);
      if (from === 0) continue;
      expect(verifyConsistency({ ...first, root: leafOf(99) }, second, proof)).toBe(false);
      expect(verifyConsistency(first, { ...second, root: leafOf(99) }, proof)).toBe(false);
      if (to > from) expect(verifyConsistency(second, first, proof)).toBe(false);
      if (proof.length > 0) expect(verifyConsistency(first, second, proof.slice(1))).toBe(false);
    }
  }
});
