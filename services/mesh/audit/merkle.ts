// The Merkle tree over the audit log, RFC 6962 (section 2.1): leaf = SHA-256(00 || data), node = SHA-256(01 || left || right), left the largest
// power of two below the size. The auditor grows one; whoever has a root and a proof needs only the two verify functions.
import assert from 'node:assert';
import { createHash } from 'node:crypto';

const HASH_BYTES = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (data: Uint8Array): Buffer => createHash('sha256').update(LEAF).update(data).digest();
const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer =>
  createHash('sha256').update(NODE).update(left).update(right).digest();

/** Keeps the hash of every whole subtree, 64 bytes an entry, so that a root costs log n and a proof log² n hashes. */
export class MerkleTree {
  /** levels[k] has the hashes of whole subtrees of 2^k leaves, one after the other. */
  private readonly levels: Buffer[] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  append(data: Uint8Array): void {
    let hash = leafHash(data);
    let index = this.count++;
    for (let level = 0; ; level++) {
      this.put(level, index, hash);
      if (index % 2 === 0) return;
      hash = nodeHash(this.at(level, index - 1), hash);
      index = (index - 1) / 2;
    }
  }

  /** Of the first `size` entries. */
  root(size = this.count): Buffer {
    assert(size <= this.count, 'a root of more entries than there are');
    return size === 0 ? createHash('sha256').digest() : this.hashOf(0, size);
  }

  /** From the leaf's sibling up; throws RangeError for an entry beyond the size. */
  inclusion(index: number, size = this.count): Buffer[] {
    if (index >= size || size > this.count)
      throw new RangeError(`entry ${index} is not among the first ${size}`);
    const path: Buffer[] = [];
    let [start, length] = [0, size];
    while (length > 1) {
      const left = split(length);
      if (index - start < left) {
        path.push(this.hashOf(start + left, length - left));
        length = left;
      } else {
        path.push(this.hashOf(start, left));
        start += left;
        length -= left;
      }
    }
    return path.reverse();
  }

  /** That the first `from` entries are the beginning of the first `to`. */
  consistency(from: number, to = this.count): Buffer[] {
    if (from < 0 || from > to || to > this.count) throw new RangeError(`no proof from ${from} to ${to}`);
    if (from === 0 || from === to) return [];
    return this.subproof(from, 0, to, true);
  }

  private subproof(from: number, start: number, length: number, whole: boolean): Buffer[] {
    if (from === length) return whole ? [] : [this.hashOf(start, length)];
    const left = split(length);
    if (from <= left)
      return [...this.subproof(from, start, left, whole), this.hashOf(start + left, length - left)];
    return [...this.subproof(from - left, start + left, length - left, false), this.hashOf(start, left)];
  }

  private hashOf(start: number, length: number): Buffer {
    const level = Math.log2(length);
    if (Number.isInteger(level) && start % length === 0) return this.at(level, start / length);
    const left = split(length);
    return nodeHash(this.hashOf(start, left), this.hashOf(start + left, length - left));
  }

  private at(level: number, index: number): Buffer {
    const hashes = this.levels[level];
    assert(hashes !== undefined, 'a subtree that is not whole yet');
    return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  private put(level: number, index: number, hash: Uint8Array): void {
    let hashes = this.levels[level] ?? Buffer.alloc(0);
    if (hashes.length < (index + 1) * HASH_BYTES) {
      const grown = Buffer.alloc(Math.max(64 * HASH_BYTES, hashes.length * 2));
      hashes.copy(grown);
      hashes = grown;
      this.levels[level] = hashes;
    }
    hashes.set(hash, index * HASH_BYTES);
  }
}

/** The largest power of two below a size of at least 2. */
const split = (size: number): number => 2 ** Math.ceil(Math.log2(size) - 1);

export interface Included {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** RFC 9162, section 2.1.3.2. */
export function verifyInclusion({ index, size, leaf, proof, root }: Included): boolean {
  if (index >= size) return false;
  let [first, second] = [index, size - 1];
  let hash = leaf;
  for (const next of proof) {
    if (second === 0) return false;
    if (first % 2 === 1 || first === second) {
      hash = nodeHash(next, hash);
      while (first % 2 === 0 && first > 0) [first, second] = [half(first), half(second)];
    } else hash = nodeHash(hash, next);
    [first, second] = [half(first), half(second)];
  }
  return second === 0 && equal(hash, root);
}

export interface Consistent {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** RFC 9162, section 2.1.4.2. */
export function verifyConsistency({ from, to, fromRoot, toRoot, proof }: Consistent): boolean {
  if (from > to || from < 0) return false;
  if (from === to) return proof.length === 0 && equal(fromRoot, toRoot);
  if (from === 0) return proof.length === 0;
  const path = Number.isInteger(Math.log2(from)) ? [fromRoot, ...proof] : [...proof];
  let [first, second] = [from - 1, to - 1];
  while (first % 2 === 1) [first, second] = [half(first), half(second)];
  const seed = path.shift();
  if (!seed) return false;
  let [before, after] = [seed, seed];
  for (const next of path) {
    if (second === 0) return false;
    if (first % 2 === 1 || first === second) {
      before = nodeHash(next, before);
      after = nodeHash(next, after);
      while (first % 2 === 0 && first > 0) [first, second] = [half(first), half(second)];
    } else after = nodeHash(after, next);
    [first, second] = [half(first), half(second)];
  }
  return second === 0 && equal(before, fromRoot) && equal(after, toRoot);
}

const half = (n: number): number => Math.floor(n / 2);
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
