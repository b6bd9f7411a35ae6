// A plan that the shards can take: exchanges by sums, then packing; where that finds no room for all, the exchange goes on from what lies,
// and takes only what can be packed. The greedy answer does little of it, the intelligent policy most of its time.
import type { Choice } from './choice.js';
import type { Constructed, Construction } from './construction.js';
import { type ExchangeLimits, exchanged, type Shelving } from './exchange.js';
import { type LaidDown, layDown } from './lay-down.js';
import { choiceAt, choicesAt, indicesOf, type Market } from './market.js';
import type { Setting } from './setting.js';

export interface Settling {
  readonly care: 'quickly' | 'thoroughly';
  /** Of what several shards have together, the part that is left to what does not fit. */
  readonly spare: number;
  /** What may be spent on the search, asked when it begins. */
  readonly bySums: () => ExchangeLimits;
  /** From what lies there on. */
  readonly onShards: (lying: LaidDown) => ExchangeLimits;
  /** Packing is not tried again. */
  readonly isLate?: (() => boolean) | undefined;
}

export function settle(
  setting: Setting,
  market: Market,
  { care, spare, bySums, onShards, isLate }: Settling,
): LaidDown {
  // Everybody has the cheapest.
  if (!market.scarce) return layDown(setting, market, care, isLate);
  const { offers, prices } = market;
  const room = new Float64Array(offers.resources).fill(1);
  for (const { index, shards } of setting.centres) if (shards.length > 1) room[index] = 1 - spare;
  const found = exchanged(offers, { prices, room }, indicesOf(market, market.chosen), bySums());
  const lying = layDown(setting, { ...market, chosen: choicesAt(market, found) }, care, isLate);
  return lying.failed.length === 0 ? lying : exchangedOnShards(market, lying, onShards(lying));
}

/** Where not all found room, from what lies there on. */
export function exchangedOnShards(market: Market, lying: LaidDown, limits: ExchangeLimits): LaidDown {
  const { offers, prices } = market;
  const shelves = new Shelves(lying, market);
  exchanged(offers, { prices }, indicesOf(market, lying.chosen), limits, shelves);
  return { ...lying, ...shelves.best };
}

/** A plan that lies on the shards while its endpoints exchange their choices. */
class Shelves implements Shelving {
  best: Constructed;
  private readonly construction: Construction;
  private readonly chosen: Choice[];

  constructor(
    lying: LaidDown,
    private readonly market: Market,
  ) {
    this.best = lying;
    this.construction = lying.construction;
    this.chosen = [...lying.chosen];
  }

  fits(who: Int32Array, choices: Int32Array, count: number): boolean {
    return this.construction.change(...this.changed(who, choices, count), true);
  }

  take(who: Int32Array, choices: Int32Array, count: number): boolean {
    const [changed, wanted] = this.changed(who, choices, count);
    if (!this.construction.change(changed, wanted, false)) return false;
    changed.forEach((e, i) => (this.chosen[e] = wanted[i] as Choice));
    return true;
  }

  keep(): void {
    this.best = this.construction.result();
  }

  private changed(who: Int32Array, choices: Int32Array, count: number): [number[], Choice[]] {
    const changed: number[] = [];
    const wanted: Choice[] = [];
    for (let i = 0; i < count; i++) {
      const e = who[i] as number;
      const choice = choiceAt(this.market, choices[i] as number, e);
      if (choice === this.chosen[e]) continue;
      changed.push(e);
      wanted.push(choice);
    }
    return [changed, wanted];
  }
}
