// A constant answer is seen within a few requests. The watch asks for every answer; what is broken by itself, mesh/observing/output-faults.ts finds.

/** Chance at which equal answers in a row are taken for a constant. */
const CHANCE = 4e-6;

/** From the share of neighbours among the reference that got equal answers to different inputs; 3 where there was none. */
export function constantAfter(repeats: number, pairs: number): number {
  const share = Math.max(repeats, 1) / Math.max(pairs, 1);
  if (share >= 0.9) return 10_000;
  return Math.max(3, 1 + Math.ceil(Math.log(CHANCE) / Math.log(share)));
}

/** Counts equal answers to different inputs in a row. Digests are the caller's: any two strings that differ when the bytes do. */
export class ConstantOutput {
  private run = 1;
  private last: { input: string; output: string } | undefined;

  constructor(private readonly after: number) {}

  /** True once the output counts as constant. */
  add(input: string, output: string): boolean {
    if (this.last?.output !== output) this.run = 1;
    else if (this.last.input !== input) this.run++;
    this.last = { input, output };
    return this.run >= this.after;
  }
}
