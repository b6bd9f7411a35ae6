// The intelligent policy's answer at once. Memory, busy time and movement get prices that rise while too much of them is asked for
// (a Lagrangian relaxation by subgradients); with those every endpoint takes its cheapest choice, and what was left out comes first
// at the next try.
import type { Placed, PlacedAll } from './by-rule.js';
import { type Choice, type ChoiceLimits, choicesOf } from './choices.js';
import { MOVED_SHARE_MAX, placedRate } from './objective.js';
import { isTight, Packing } from './packing.js';
import { Seating, type Seat, sit } from './seating.js';
import { BUSY_SHARE, type EndpointSetting, type Setting } from './setting.js';

export interface GreedyResult extends PlacedAll {
  readonly objective: number;
}

interface Effort {
  readonly limits: ChoiceLimits;
  readonly rounds: number;
  /** Of the rounds, after how many it is packed. */
  readonly packEvery: number;
  readonly tries: number;
}

function effortFor({ endpoints }: Setting): Effort {
  if (endpoints.length <= 60)
    return { limits: { centres: 8, setSizeMax: 3, kept: 92 }, rounds: 120, packEvery: 30, tries: 4 };
  if (endpoints.length <= 500)
    return { limits: { centres: 7, setSizeMax: 3, kept: 40 }, rounds: 60, packEvery: 30, tries: 3 };
  return { limits: { centres: 5, setSizeMax: 2, kept: 12 }, rounds: 12, packEvery: 12, tries: 1 };
}

export function placeGreedily(setting: Setting): GreedyResult {
  return greedily(setting, choicesFor(setting));
}

/** For each endpoint, the ways to place it. */
export function choicesFor(setting: Setting): Choice[][] {
  const { limits } = effortFor(setting);
  return setting.endpoints.map((endpoint) => choicesOf(endpoint, limits));
}

export function greedily(setting: Setting, choices: readonly (readonly Choice[])[]): GreedyResult {
  const { rounds, packEvery, tries } = effortFor(setting);
  const prices = new Prices(setting);
  let best: GreedyResult | undefined;
  for (let round = 0; round <= rounds; round++) {
    const chosen = choices.flatMap((list) => cheapest(list, prices) ?? []);
    const over = prices.learn(chosen, round);
    if ((round > 0 && round % packEvery === 0) || (!over && round === 0)) {
      const found = construct(setting, choices, prices, tries);
      if (!best || better(found, best)) best = found;
      if (!over && round === 0 && best.unplaced.length === setting.refused.length) break;
    }
  }
  return best as GreedyResult;
}

const better = (a: GreedyResult, b: GreedyResult): boolean =>
  a.unplaced.length < b.unplaced.length ||
  (a.unplaced.length === b.unplaced.length && a.objective < b.objective - 1e-9);

function cheapest(choices: readonly Choice[], prices: Prices): Choice | undefined {
  let best: Choice | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const choice of choices) {
    const cost = prices.of(choice);
    if (cost >= bestCost) continue;
    best = choice;
    bestCost = cost;
  }
  return best;
}

class Prices {
  private readonly memory: Float64Array;
  private readonly busy: Float64Array;
  private moving = 0;
  private readonly movable: number;
  private scale = 0;

  constructor(private readonly setting: Setting) {
    this.memory = new Float64Array(setting.centres.length);
    this.busy = new Float64Array(setting.centres.length);
    this.movable =
      MOVED_SHARE_MAX * setting.endpoints.reduce((sum, endpoint) => sum + placedRate(endpoint), 0);
  }

  /** What may move in all, requests a second. */
  get movableRate(): number {
    return this.movable;
  }

  of({ cost, uses, movedRate }: Choice): number {
    let priced = cost + this.moving * movedRate;
    for (const { centre, bytes, busy } of uses)
      priced += (this.memory[centre] as number) * bytes + (this.busy[centre] as number) * busy;
    return priced;
  }

  /** True where more was asked for than there is. */
  learn(chosen: readonly Choice[], round: number): boolean {
    const { centres } = this.setting;
    const bytes = new Float64Array(centres.length);
    const busy = new Float64Array(centres.length);
    let cost = 0;
    let moved = 0;
    for (const choice of chosen) {
      cost += choice.cost;
      moved += choice.movedRate;
      for (const use of choice.uses) {
        bytes[use.centre] = (bytes[use.centre] as number) + use.bytes;
        busy[use.centre] = (busy[use.centre] as number) + use.busy;
      }
    }
    this.scale ||= cost;
    const step = 0.5 / (1 + round / 4);
    let over = false;
    for (const { index, memoryBytes, shards } of centres) {
      const busyMax = shards.length * BUSY_SHARE;
      const fill = (bytes[index] as number) / memoryBytes;
      const heat = (busy[index] as number) / busyMax;
      over ||= fill > 1 || heat > 1;
      const share = this.scale / centres.length;
      this.memory[index] = Math.max(
        0,
        (this.memory[index] as number) + (step * (fill - 1) * share) / memoryBytes,
      );
      this.busy[index] = Math.max(0, (this.busy[index] as number) + (step * (heat - 1) * share) / busyMax);
    }
    if (this.movable <= 0) return over;
    const restless = moved / this.movable;
    this.moving = Math.max(0, this.moving + (step * (restless - 1) * this.scale) / this.movable / 4);
    return over || restless > 1;
  }
}

/** Packs shard by shard; what found no room goes to the front and all is tried again. */
function construct(
  setting: Setting,
  choices: readonly (readonly Choice[])[],
  prices: Prices,
  tries: number,
): GreedyResult {
  const sorted = choices.map((list) =>
    list.map((choice) => ({ choice, priced: prices.of(choice) })).sort((a, b) => a.priced - b.priced),
  );
  // First who has most to lose by coming late.
  const lose = ({ index }: EndpointSetting): number =>
    (sorted[index]?.[1]?.priced ?? 1e9) - (sorted[index]?.[0]?.priced ?? 0);
  let order = [...setting.endpoints].sort((a, b) => lose(b) - lose(a));
  let best: GreedyResult | undefined;
  const tight = isTight(setting.centres, setting.endpoints);
  for (let attempt = 0; attempt < tries; attempt++) {
    const packing = new Packing(setting.centres, tight || attempt > 0);
    const seats = new Map<number, Seat>();
    let movable = prices.movableRate;
    const failed: EndpointSetting[] = [];
    for (const endpoint of order) {
      const seat = sit(
        endpoint,
        (sorted[endpoint.index] ?? []).map(({ choice }) => choice),
        packing,
        movable,
      );
      if (!seat) failed.push(endpoint);
      else {
        seats.set(endpoint.index, seat);
        movable -= seat.choice.movedRate;
      }
    }
    improve(setting, choices, seats, packing, movable);
    const found = resultOf(setting, seats);
    if (!best || better(found, best)) best = found;
    if (failed.length === 0) break;
    order = [...failed, ...order.filter((endpoint) => !failed.includes(endpoint))];
  }
  return best as GreedyResult;
}

/** Whoever is far from its best choice takes a better one, where there is room or somebody makes room for less than is gained. */
function improve(
  setting: Setting,
  choices: readonly (readonly Choice[])[],
  seats: Map<number, Seat>,
  packing: Packing,
  movable: number,
): void {
  const plan = new Seating(setting, choices, seats, packing, movable);
  const passes = setting.endpoints.length <= 500 ? 3 : 1;
  for (let pass = 0; pass < passes; pass++) {
    const regretting = [...seats]
      .map(([index, seat]) => ({ index, regret: seat.choice.cost - (choices[index]?.[0]?.cost ?? 0) }))
      .filter(({ regret }) => regret > 1e-9)
      .sort((a, b) => b.regret - a.regret);
    let changed = false;
    for (const { index } of regretting) changed = plan.better(index) || changed;
    if (!changed) return;
  }
}

function resultOf(setting: Setting, seats: ReadonlyMap<number, Seat>): GreedyResult {
  const placed: Placed[] = [];
  const unplaced = [...setting.refused];
  let objective = 0;
  for (const endpoint of setting.endpoints) {
    const seat = seats.get(endpoint.index);
    if (seat) {
      placed.push({ setting: endpoint, allocation: seat.choice, shards: seat.shards });
      objective += seat.choice.cost;
    } else
      unplaced.push({
        name: endpoint.endpoint.name,
        constraint: 'memory',
        reason: 'What its choices of centres have left is too small for its replicas.',
      });
  }
  return { placed, unplaced, objective };
}
