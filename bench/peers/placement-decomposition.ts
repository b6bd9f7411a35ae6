// A bound on every plan by Lagrangian decomposition (Geoffrion 1974; Guignard and Kim 1987). Who chooses replicas and who gives them
// memory are taken apart: endpoints choose as each likes best, every centre fills its memory with whatever pays most, both exactly, and
// a price for each replica in each centre brings them together. At any prices the sum is a bound; prices rise and fall along a
// deflected subgradient (Camerini, Fratta and Maffioli 1975). Choices that cost more than there is to gain drop out meanwhile, and what
// is left of them is a far smaller programme.
import { setImmediate as others } from 'node:timers/promises';
import type { Setting } from '../../services/mesh/placement/setting.js';
import { BUSY_SHARE } from '../../services/mesh/placement/setting.js';
import { movedRateMax } from './placement-bound.js';
import { type Choice, EndpointPart } from './placement-choices.js';
import { packed } from './placement-knapsack.js';
import type { ScarcityPrices } from './placement-prices.js';

export interface Narrowed {
  /** No plan costs less than this, or than `below`. */
  readonly bound: number;
  /** By the endpoint's index: who costs less than `below` chooses among these. */
  readonly choices: readonly (readonly Choice[])[];
}

const DEFLECTION = 0.3;
// A step is a part of what is missed (Polyak 1969), a smaller one where nothing has risen for some rounds: from the best prices on, but
// along what the last ones asked for, which the best ones know nothing of.
const PATIENCE = 15;
const SHORTER = 0.7;
const SHORTEST = 1e-4;
const ONCE_MORE = 0.3;
/** Of what is missed, what all knapsacks together need not know. With a tenth of it they are searched too long and not to the end. */
const PRECISION = 0.1;

/** `below`: nothing dearer is of interest. One round at least. */
export async function narrowed(
  setting: Setting,
  prices: ScarcityPrices,
  below: number,
  seconds: number,
): Promise<Narrowed> {
  const decomposition = new Decomposition(setting, prices, below);
  const endsMs = performance.now() + seconds * 1_000;
  while (decomposition.raise() && performance.now() < endsMs) await others();
  return decomposition;
}

/** A replica of an endpoint in a centre. */
interface Slot {
  readonly part: number;
  readonly option: number;
  readonly bytes: number;
}

class Decomposition implements Narrowed {
  bound = Number.NEGATIVE_INFINITY;
  readonly choices: Choice[][];
  private readonly parts: readonly EndpointPart[];
  private readonly slots: readonly Slot[];
  /** Where an endpoint's slots begin. */
  private readonly first: readonly number[];
  private readonly slotsOf: readonly (readonly number[])[];
  // Of slots, then of each centre's busy time, then of movement.
  private prices: Float64Array;
  private bestPrices: Float64Array;
  private readonly scales: Float64Array;
  private readonly direction: Float64Array;
  private readonly movedMax: number;
  /** Where everything is begun. */
  private readonly start: number;
  private step = 1;
  private waited = 0;

  constructor(
    private readonly setting: Setting,
    { memory, busy, moved }: ScarcityPrices,
    private readonly below: number,
  ) {
    const { endpoints, centres } = setting;
    this.movedMax = movedRateMax(setting);
    this.parts = endpoints.map((one) => new EndpointPart(one));
    const first: number[] = [];
    const slots: Slot[] = [];
    for (const [part, { options }] of this.parts.entries()) {
      first.push(slots.length);
      const bytes = endpoints[part]?.endpoint.memoryBytes ?? 0;
      for (const option of options.keys()) slots.push({ part, option, bytes });
    }
    this.first = first;
    this.slots = slots;
    const centreOf = ({ part, option }: Slot) => this.parts[part]?.options[option]?.centre.index ?? -1;
    this.slotsOf = centres.map(({ index }) =>
      slots.flatMap((slot, s) => (centreOf(slot) === index ? s : [])),
    );
    this.prices = Float64Array.from([
      ...slots.map((slot) => slot.bytes * (memory[centreOf(slot)] ?? 0)),
      ...busy,
      moved,
    ]);
    this.bestPrices = this.prices.slice();
    this.direction = new Float64Array(this.prices.length);
    this.scales = scalesOf(setting, slots);
    this.start = this.boundAt(memory);
    const gain = below - this.start + Math.abs(below) * 1e-9;
    this.choices = this.parts.map((part, e) => part.within(gain, this.replicaPrices(e), this.quote(part)));
    if (this.choices.some((one) => one.length === 0)) this.bound = below;
  }

  /** One round. False when nothing below is possible. */
  raise(): boolean {
    if (this.bound >= this.below) return false;
    const { bound, surplus, costs, least } = this.evaluated();
    if (bound > this.bound) {
      this.bound = bound;
      this.bestPrices = this.prices.slice();
      this.waited = 0;
      this.drop(costs, least);
    } else if (++this.waited > PATIENCE) {
      this.step = this.step * SHORTER < SHORTEST ? ONCE_MORE : this.step * SHORTER;
      this.prices = this.bestPrices.slice();
      this.direction.fill(0);
      this.waited = 0;
    }
    this.move(bound, surplus);
    return this.bound < this.below;
  }

  private quote(part: EndpointPart) {
    const { prices, slots } = this;
    return part.quote(prices.subarray(slots.length, -1), prices.at(-1) ?? 0);
  }

  private replicaPrices(e: number): Float64Array {
    return this.prices.subarray(this.first[e], this.first[e + 1] ?? this.slots.length);
  }

  /** What busy time and movement pay for at most. */
  private paid(): number {
    const { prices, slots, setting, movedMax } = this;
    const busy = setting.centres.reduce(
      (sum, { shards }, c) => sum + (prices[slots.length + c] ?? 0) * shards.length * BUSY_SHARE,
      0,
    );
    return busy + (prices.at(-1) ?? 0) * movedMax;
  }

  /** With prices of memory alone, which every centre's memory costs in full. */
  private boundAt(memory: Float64Array): number {
    const chosen = this.parts.reduce((sum, part, e) => {
      const quote = this.quote(part);
      const prices = this.replicaPrices(e);
      return sum + Math.min(...part.within(0, prices, quote).map((one) => part.costOf(one, prices, quote)));
    }, 0);
    const filled = this.setting.centres.reduce(
      (sum, { memoryBytes }, c) => sum + memoryBytes * (memory[c] ?? 0),
      0,
    );
    return chosen - filled - this.paid();
  }

  private evaluated() {
    const { parts, slots, setting, prices } = this;
    const surplus = new Float64Array(prices.length);
    const least = new Float64Array(parts.length);
    let bound = -this.paid();
    setting.centres.forEach(({ shards }, c) => {
      surplus[slots.length + c] = -shards.length * BUSY_SHARE;
    });
    let moved = -this.movedMax;
    const add = (at: number, amount: number): void => {
      surplus[at] = (surplus[at] ?? 0) + amount;
    };
    const costs = parts.map((part, e) => {
      const quote = this.quote(part);
      const replicaPrices = this.replicaPrices(e);
      const choices = this.choices[e] as Choice[];
      const own = Float64Array.from(choices, (one) => part.costOf(one, replicaPrices, quote));
      const cheapest = own.indexOf(Math.min(...own));
      const choice = choices[cheapest] as Choice;
      least[e] = own[cheapest] as number;
      bound += own[cheapest] as number;
      for (const k of choice.at) add((this.first[e] as number) + k, choice.counts[k] as number);
      moved += part.usedBy(choice, quote, (centre, amount) => add(slots.length + centre, amount));
      return own;
    });
    add(prices.length - 1, moved);
    const missed = this.below - Math.max(this.bound, this.start);
    const precision = (missed * PRECISION) / setting.centres.length;
    setting.centres.forEach(({ memoryBytes }, c) => {
      const things = this.thingsOf(c);
      const best = packed(
        {
          values: things.map((s) => prices[s] as number),
          sizes: things.map((s) => (slots[s] as Slot).bytes),
          room: memoryBytes * (1 + 1e-9),
        },
        precision,
      );
      bound -= best.bound;
      for (const thing of best.taken) add(things[thing] as number, -1);
    });
    return { bound, surplus, costs, least };
  }

  /** As often as the endpoint may want it. */
  private thingsOf(centre: number): number[] {
    return (this.slotsOf[centre] as readonly number[]).flatMap((s) => {
      const { part, option } = this.slots[s] as Slot;
      const most = Math.max(
        ...(this.choices[part] as Choice[]).map(({ counts }) => counts[option] as number),
      );
      return Array.from({ length: most }, () => s);
    });
  }

  private drop(costs: readonly Float64Array[], least: Float64Array): void {
    const gain = this.below - this.bound + Math.abs(this.below) * 1e-9;
    for (const [e, own] of costs.entries()) {
      const kept = (this.choices[e] as Choice[]).filter(
        (_, i) => (own[i] as number) - (least[e] as number) <= gain,
      );
      if (kept.length === 0) this.bound = this.below;
      else this.choices[e] = kept;
    }
  }

  private move(bound: number, surplus: Float64Array): void {
    const { direction, scales, prices } = this;
    let square = 0;
    for (let i = 0; i < direction.length; i++) {
      direction[i] = DEFLECTION * (surplus[i] as number) + (1 - DEFLECTION) * (direction[i] as number);
      square += ((direction[i] as number) * (scales[i] as number)) ** 2;
    }
    const length = (this.step * (this.below - bound)) / (square || 1);
    for (let i = 0; i < direction.length; i++)
      prices[i] = Math.max(
        0,
        (prices[i] as number) + length * (scales[i] as number) ** 2 * (direction[i] as number),
      );
  }
}

// What counts as much as a replica of mean size: so that bytes, devices and requests rise alike. Busy time and movement, which all
// endpoints share, more carefully.
const BUSY_CARE = 0.3;
const MOVED_CARE = 0.1;

function scalesOf({ endpoints, centres }: Setting, slots: readonly Slot[]): Float64Array {
  const bytes = mean(slots.map((slot) => slot.bytes));
  const groups = endpoints.flatMap(({ options, groups: all }) =>
    all.map((one) => [one.group.ratePerS, options] as const),
  );
  const busy = mean(
    groups.flatMap(([rate, options]) => [...options.values()].map((one) => rate / one.rateAlonePerS)),
  );
  const rate = mean(groups.map(([ratePerS]) => ratePerS));
  return Float64Array.from([
    ...slots.map((slot) => slot.bytes / bytes),
    ...centres.map(() => BUSY_CARE / busy),
    MOVED_CARE / rate,
  ]);
}

const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length;
