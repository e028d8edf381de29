import { createHash } from 'node:crypto';

/** Hashes of 32 bytes. */
export const hashBytes = 32;
/** Hashes of a full tile; a tile of the level above has one hash for each (C2SP tlog-tiles). */
export const tileWidth = 256;
const tileHeight = 8;

/** A tile lacks hashes that the size of its log says it has: someone else wrote to it. */
export class BrokenTreeError extends Error {
  constructor() {
    super('the tree has a hole');
    this.name = 'BrokenTreeError';
  }
}

/** The hash of a leaf (RFC 9162, section 2.1.1). */
export function leafHash(entry: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.of(0)).update(entry).digest();
}

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();
}

/** The root of a tree without leaves. */
export const emptyRoot: Buffer = createHash('sha256').digest();

/** The largest power of two below a number. */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** Reads the hashes of a tile, one after another; a tile at the end of its level may be partial. */
export type ReadTile = (level: number, tile: number) => Promise<Uint8Array>;

/** Roots and proofs of a log, from its tiles; each tile is read once. */
export function createTree(readTile: ReadTile) {
  const tiles = new Map<string, Promise<Uint8Array>>();

  async function hashAt(level: number, index: number): Promise<Buffer> {
    const tile = Math.floor(index / tileWidth);
    const name = `${level}/${tile}`;
    const read = tiles.get(name) ?? readTile(level, tile);
    tiles.set(name, read);
    const offset = (index % tileWidth) * hashBytes;
    const hash = Buffer.from((await read).subarray(offset, offset + hashBytes));
    if (hash.length !== hashBytes) throw new BrokenTreeError();
    return hash;
  }

  /** The root of the full subtree of that height. */
  async function subtree(height: number, index: number): Promise<Buffer> {
    if (height % tileHeight === 0) return await hashAt(height / tileHeight, index);
    return nodeHash(await subtree(height - 1, index * 2), await subtree(height - 1, index * 2 + 1));
  }

  /** MTH of the leaves from `from` to before `to` (RFC 9162, section 2.1.1). */
  async function rangeHash(from: number, to: number): Promise<Buffer> {
    const count = to - from;
    const height = Math.log2(count);
    if (Number.isInteger(height) && from % count === 0) return await subtree(height, from / count);
    const middle = from + splitOf(count);
    return nodeHash(await rangeHash(from, middle), await rangeHash(middle, to));
  }

  /** PATH (RFC 9162, section 2.1.3.1). */
  async function path(index: number, from: number, to: number): Promise<Buffer[]> {
    if (to - from === 1) return [];
    const middle = from + splitOf(to - from);
    return index < middle
      ? [...(await path(index, from, middle)), await rangeHash(middle, to)]
      : [...(await path(index, middle, to)), await rangeHash(from, middle)];
  }

  /** SUBPROOF (RFC 9162, section 2.1.4.1). */
  async function subproof(size: number, from: number, to: number, isWhole: boolean): Promise<Buffer[]> {
    if (size === to) return isWhole ? [] : [await rangeHash(from, to)];
    const middle = from + splitOf(to - from);
    return size <= middle
      ? [...(await subproof(size, from, middle, isWhole)), await rangeHash(middle, to)]
      : [...(await subproof(size, middle, to, false)), await rangeHash(from, middle)];
  }

  return {
    root: async (size: number): Promise<Buffer> => (size === 0 ? emptyRoot : await rangeHash(0, size)),
    /** Proof that a leaf is in the tree of that size. */
    inclusion: async (index: number, size: number): Promise<Buffer[]> => await path(index, 0, size),
    /** Proof that the tree of `from` leaves is a beginning of that of `to` leaves. */
    consistency: async (from: number, to: number): Promise<Buffer[]> =>
      from === 0 || from === to ? [] : await subproof(from, 0, to, true),
  };
}

/** A tile with hashes added to it. */
export type Tile = { readonly level: number; readonly tile: number; readonly hashes: Buffer };

/**
 * The tiles that leaves change, which are added to a tree of that size: partial tiles are read, full ones
 * are handed up to their level.
 */
export async function appendLeaves(
  readTile: ReadTile,
  size: number,
  leaves: readonly Buffer[],
): Promise<Tile[]> {
  const changed: Tile[] = [];
  let added = [...leaves];
  let before = size;
  for (let level = 0; added.length > 0; level += 1) {
    const roots: Buffer[] = [];
    let used = 0;
    while (used < added.length) {
      const tile = Math.floor((before + used) / tileWidth);
      const filled = (before + used) % tileWidth;
      const start = filled === 0 ? Buffer.alloc(0) : Buffer.from(await readTile(level, tile));
      if (start.length < filled * hashBytes) throw new BrokenTreeError();
      const taken = added.slice(used, used + tileWidth - filled);
      const hashes = Buffer.concat([start.subarray(0, filled * hashBytes), ...taken]);
      changed.push({ level, tile, hashes });
      used += taken.length;
      if (hashes.length === tileWidth * hashBytes) roots.push(rootOfTile(hashes));
    }
    before = Math.floor(before / tileWidth);
    added = roots;
  }
  return changed;
}

function rootOfTile(hashes: Buffer): Buffer {
  let level = splitHashes(hashes);
  while (level.length > 1) {
    level = level.flatMap((left, index) => {
      const right = level[index + 1];
      return index % 2 === 0 && right !== undefined ? [nodeHash(left, right)] : [];
    });
  }
  return level[0] ?? emptyRoot;
}

function splitHashes(hashes: Buffer): Buffer[] {
  return Array.from({ length: hashes.length / hashBytes }, (_, index) =>
    hashes.subarray(index * hashBytes, (index + 1) * hashBytes),
  );
}

/** Computes the root of leaves that are added one by one. */
export function createRootHasher() {
  // Roots of full subtrees, the largest first; heights fall.
  const peaks: { readonly height: number; readonly hash: Buffer }[] = [];
  return {
    add(leaf: Buffer): void {
      let node = { height: 0, hash: leaf };
      for (let last = peaks.at(-1); last?.height === node.height; last = peaks.at(-1)) {
        peaks.pop();
        node = { height: node.height + 1, hash: nodeHash(last.hash, node.hash) };
      }
      peaks.push(node);
    },
    root: (): Buffer =>
      peaks.length === 0
        ? emptyRoot
        : peaks.map(({ hash }) => hash).reduceRight((right, left) => nodeHash(left, right)),
  };
}

const isEqual = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** Whether a leaf is in the tree of that root and size (RFC 9162, section 2.1.3.2). */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  tree: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= tree.size) return false;
  let hash: Uint8Array = leaf;
  let [node, last] = [index, tree.size - 1];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && isEqual(hash, tree.root);
}

/** Whether one tree is a beginning of another (RFC 9162, section 2.1.4.2). */
export function verifyConsistency(
  first: { readonly size: number; readonly root: Uint8Array },
  second: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (first.size > second.size) return false;
  if (first.size === second.size) return proof.length === 0 && isEqual(first.root, second.root);
  if (first.size === 0) return proof.length === 0;
  const isPower = Number.isInteger(Math.log2(first.size));
  const hashes = isPower ? [first.root, ...proof] : [...proof];
  const [start, ...rest] = hashes;
  if (start === undefined || rest.length === 0) return false;
  let [node, last] = [first.size - 1, second.size - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  let older: Uint8Array = start;
  let newer: Uint8Array = start;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      newer = nodeHash(newer, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && isEqual(older, first.root) && isEqual(newer, second.root);
}
