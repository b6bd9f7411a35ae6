// Which part an example goes to: training, validation or test. By seed within each class (stratified, exact shares), as one fold
// of several, or by group, where all rows of a group stay together. Pure but for its counters; preparation asks row by row.
import { seeded } from '../seeded.js';
import { fingerprint } from './fingerprints.js';

export const PARTS = ['train', 'validation', 'test'] as const;
export type Part = (typeof PARTS)[number];

export interface SplitRule {
  readonly seed: number;
  /** Shares of all examples. */
  readonly validation: number;
  readonly test: number;
  /** The i-th of k folds is the test part, whatever the share above. */
  readonly fold?: { readonly of: number; readonly index: number };
}

/** Permutations are drawn per block, so that memory does not grow with the data. */
const BLOCK = 4_096;

/** All rows of a group fall into one part; shares hold on average over groups. */
export function partOfGroup(rule: SplitRule, group: string): Part {
  const drawn = fingerprint(group, rule.seed) / 2 ** 53;
  if (rule.fold !== undefined) {
    if (Math.floor(drawn * rule.fold.of) === rule.fold.index) return 'test';
    return fingerprint(group, rule.seed + 1) / 2 ** 53 < rule.validation ? 'validation' : 'train';
  }
  if (drawn < rule.test) return 'test';
  return drawn < rule.test + rule.validation ? 'validation' : 'train';
}

/** Stratified: asked once for every example of every class in turn, whose numbers it must know beforehand. */
export class Stratified {
  private readonly seen: number[];
  private readonly blocks: Uint32Array[] = [];

  constructor(
    private readonly rule: SplitRule,
    private readonly classCounts: readonly number[],
  ) {
    this.seen = classCounts.map(() => 0);
  }

  next(label: number): Part {
    const position = this.seen[label] ?? 0;
    this.seen[label] = position + 1;
    const size = Math.min(BLOCK, (this.classCounts[label] ?? 0) - Math.floor(position / BLOCK) * BLOCK);
    if (position % BLOCK === 0)
      this.blocks[label] = permutation(size, seedOf(this.rule.seed, label, Math.floor(position / BLOCK)));
    return partOfRank(this.rule, this.blocks[label]?.[position % BLOCK] ?? 0, size);
  }
}

function partOfRank({ fold, validation, test }: SplitRule, rank: number, size: number): Part {
  if (fold !== undefined) {
    if (rank % fold.of === fold.index) return 'test';
    const others = rank - Math.ceil((rank - fold.index) / fold.of);
    return others < Math.round(size * validation) ? 'validation' : 'train';
  }
  const tests = share(size, test);
  if (rank < tests) return 'test';
  return rank < tests + share(size, validation) ? 'validation' : 'train';
}

/** A part that was asked for gets at least one example of a class that has three. */
const share = (size: number, of: number): number =>
  of === 0 ? 0 : Math.max(size >= 3 ? 1 : 0, Math.round(size * of));

/** Numbers that belong to a purpose: the same every time, unrelated to those of other purposes. */
export const seedOf = (...numbers: readonly number[]): number => fingerprint(numbers.join(' ')) >>> 0;

/** Fisher and Yates. */
export function permutation(size: number, seed: number): Uint32Array {
  const random = seeded(seed);
  const order = Uint32Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    const kept = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = kept;
  }
  return order;
}
