// How many requests of an endpoint went wrong lately, in bounded memory: minutes for six hours, half hours for three days. The operational watch
// keeps one for each endpoint and asks it for windows.

export interface Outcomes {
  readonly total: number;
  /** Failed by the mesh. */
  readonly bad: number;
  /** Answered, and later than the objective allows. */
  readonly slow: number;
}

interface Ring {
  readonly slotMs: number;
  readonly slots: number;
}

const RINGS: readonly [Ring, Ring] = [
  { slotMs: 60_000, slots: 360 },
  { slotMs: 1_800_000, slots: 144 },
];
const FIELDS = 3;

export class OutcomeHistory {
  private readonly counts = RINGS.map(({ slots }) => new Float64Array(slots * FIELDS));
  /** The slot that each place of a ring holds now; others are of an earlier round. */
  private readonly held = RINGS.map(({ slots }) => new Float64Array(slots).fill(-1));
  /** When a request went wrong or was slow last. */
  private troubledMs = Number.NEGATIVE_INFINITY;

  add({ total, bad, slow }: Outcomes, nowMs: number): void {
    if (bad > 0 || slow > 0) this.troubledMs = nowMs;
    for (const [i, { slotMs, slots }] of RINGS.entries()) {
      const [counts, held] = [this.counts[i], this.held[i]];
      if (!counts || !held) continue;
      const slot = Math.floor(nowMs / slotMs);
      const place = slot % slots;
      if (held[place] !== slot) counts.fill(0, place * FIELDS, (place + 1) * FIELDS);
      held[place] = slot;
      for (const [field, value] of [total, bad, slow].entries()) counts[place * FIELDS + field]! += value;
    }
  }

  /** Nothing went wrong in any window that may be asked for. */
  isClean(nowMs: number): boolean {
    const { slotMs, slots } = RINGS[1];
    return nowMs - this.troubledMs > slotMs * slots;
  }

  /** Of the window that ends now, rounded up to whole slots. What was before this process began is not in it. */
  within(windowMs: number, nowMs: number): Outcomes {
    const index = windowMs <= RINGS[0].slotMs * RINGS[0].slots ? 0 : 1;
    const { slotMs, slots } = RINGS[index];
    const [counts, held] = [this.counts[index], this.held[index]];
    const sum = [0, 0, 0];
    const newest = Math.floor(nowMs / slotMs);
    const back = Math.min(slots, Math.ceil(windowMs / slotMs));
    for (let slot = newest; slot > newest - back; slot--) {
      const place = ((slot % slots) + slots) % slots;
      if (held?.[place] !== slot) continue;
      for (let field = 0; field < FIELDS; field++) sum[field]! += counts?.[place * FIELDS + field] ?? 0;
    }
    const [total = 0, bad = 0, slow = 0] = sum;
    return { total, bad, slow };
  }
}
