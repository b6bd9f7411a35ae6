// Decides for each example whether it stays and where it goes: exact duplicates are dropped, examples with the same features stay
// in one part even when their classes differ, so that no test example was trained on. Preparation asks in the order of the data.
import { Fingerprints } from './fingerprints.js';
import { type Part, PARTS, partOfGroup, type SplitRule, Stratified } from './split.js';

export class Duplicates {
  dropped = 0;
  unchecked = 0;
  private readonly seen = new Fingerprints();

  constructor(private readonly policy: 'drop' | 'keep') {}

  /** `key` stands for features and class together. */
  isOne(key: number): boolean {
    if (this.policy === 'keep') return false;
    const before = this.seen.meet(key, 1);
    if (before === 'full') this.unchecked++;
    if (typeof before === 'number') this.dropped++;
    return typeof before === 'number';
  }
}

export class PartChoice {
  contradictions = 0;
  private readonly twins = new Fingerprints();
  private readonly stratified: Stratified;

  constructor(
    private readonly rule: SplitRule,
    classCounts: readonly number[],
  ) {
    this.stratified = new Stratified(rule, classCounts);
  }

  /** `features` is the fingerprint of the features alone. */
  partOf(label: number, features: number, group: string | undefined): Part {
    const part = group === undefined ? this.stratified.next(label) : partOfGroup(this.rule, group);
    if (group !== undefined) return part;
    const twin = this.twins.meet(features, PARTS.indexOf(part));
    if (typeof twin !== 'number') return part;
    this.contradictions++;
    return PARTS[twin] ?? part;
  }
}
