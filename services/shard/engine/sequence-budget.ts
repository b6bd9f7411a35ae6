// What the sequences of one engine may take in memory, over all its replicas. When it is used up the longest idle sequence goes
// first, whichever replica has it; a sequence with a step under way never does.

export interface BudgetMember {
  /** The longest idle one that may go; undefined when all are busy. */
  idlest(): { readonly touchedMs: number; drop(): void } | undefined;
}

export const SEQUENCE_BYTES_MAX = 128 * 1024 * 1024;

export class SequenceBudget {
  private readonly members = new Set<BudgetMember>();
  private used = 0;

  constructor(private readonly bytesMax: number = SEQUENCE_BYTES_MAX) {}

  get usedBytes(): number {
    return this.used;
  }

  join(member: BudgetMember): void {
    this.members.add(member);
  }

  leave(member: BudgetMember): void {
    this.members.delete(member);
  }

  /** False when it does not fit although everything idle is gone. What is taken back is a negative number. */
  take(bytes: number): boolean {
    while (bytes > 0 && this.used + bytes > this.bytesMax) {
      const idlest = [...this.members]
        .map((member) => member.idlest())
        .filter((found) => found !== undefined)
        .toSorted((a, b) => a.touchedMs - b.touchedMs)[0];
      if (idlest === undefined) return false;
      idlest.drop();
    }
    this.used += bytes;
    return true;
  }
}
