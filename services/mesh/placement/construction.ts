// A plan in the making: every endpoint takes the first of its choices that fits onto the shards, and whoever is far from its best choice
// gets a better one, into free room or by sending a neighbour somewhere that costs the neighbour less than is gained.
import { loadsOf } from './allocation.js';
import { loadsIn, packAll, type Placed, type PlacedAll } from './by-rule.js';
import { type Choice, isLeftOut } from './choice.js';
import { whyLeftOut } from './left-out.js';
import { Packing } from './packing.js';
import type { Batch } from './shelf.js';
import type { EndpointSetting, Setting } from './setting.js';

export interface Constructed extends PlacedAll {
  /** Of all, with what it costs to leave some out. */
  readonly objective: number;
  /** By the endpoint's index. */
  readonly chosen: readonly Choice[];
}

interface Seat {
  readonly choice: Choice;
  readonly batches: readonly Batch[];
}

// Of the choices that would be better, and of the neighbours that could make room.
const WISHES_MAX = 3;
const NEIGHBOURS_MAX = 12;

export class Construction {
  private readonly packing: Packing;
  private readonly seats = new Map<number, Seat>();
  /** Who has replicas in a centre. */
  private readonly tenants: readonly Set<number>[];

  constructor(
    private readonly setting: Setting,
    private readonly choices: readonly (readonly Choice[])[],
    private movable: number,
    tight: boolean,
    patience?: number,
  ) {
    this.packing = new Packing(setting.centres, tight, patience);
    this.tenants = setting.centres.map(() => new Set());
  }

  /** The first choice that fits, and moves no more than is left to move. False where none does. */
  seat(index: number, choices: readonly Choice[]): boolean {
    const endpoint = this.setting.endpoints[index] as EndpointSetting;
    for (const choice of choices) {
      if (choice.movedRate > 1e-9 && choice.movedRate > this.movable) continue;
      const packed = packAll(endpoint, choice.replicas, loadsOf(endpoint, choice.shares), this.packing);
      if (!Array.isArray(packed)) continue;
      this.take(index, { choice, batches: packed });
      return true;
    }
    return false;
  }

  /**
   * Whether all of these can have these choices at once, with others moved from shard to shard where they are. `trial`: all is as it was
   * afterwards; otherwise it is not taken back any more.
   */
  change(who: readonly number[], choices: readonly Choice[], trial: boolean): boolean {
    const { mark } = this.packing;
    const before = who.map((index) => this.seats.get(index) as Seat);
    for (const index of who) this.leave(index);
    const stuck = who.findIndex((index, i) => !this.seat(index, [choices[i] as Choice]));
    if (stuck < 0 && !trial) {
      this.packing.forget();
      return true;
    }
    for (const index of stuck < 0 ? who : who.slice(0, stuck)) this.drop(index);
    this.packing.rollBack(mark);
    who.forEach((index, i) => this.take(index, before[i] as Seat));
    return stuck < 0;
  }

  /** Of these endpoints, those with most to gain first. */
  improve(who: readonly number[], passes: number): void {
    for (let pass = 0; pass < passes; pass++) {
      const regretting = who
        .map((index) => [index, this.seats.get(index) as Seat] as const)
        .map(([index, { choice }]) => ({
          index,
          regret: choice.cost - (this.choices[index]?.[0]?.cost ?? 0),
        }))
        .filter(({ regret }) => regret > 1e-9)
        .sort((a, b) => b.regret - a.regret);
      let changed = false;
      for (const { index } of regretting) changed = this.better(index) || changed;
      if (!changed) return;
    }
  }

  result(): Constructed {
    const placed: Placed[] = [];
    const unplaced = [...this.setting.refused];
    const chosen: Choice[] = [];
    let objective = 0;
    for (const setting of this.setting.endpoints) {
      const { choice, batches } = this.seats.get(setting.index) as Seat;
      chosen.push(choice);
      objective += choice.cost;
      if (!isLeftOut(choice)) placed.push({ setting, allocation: choice, replicas: loadsIn(batches) });
      else {
        const busyLeft = (centre: number): number => this.packing.busyLeft(centre);
        unplaced.push(whyLeftOut(setting, this.choices[setting.index] ?? [], busyLeft));
      }
    }
    return { placed, unplaced, objective, chosen };
  }

  /** True when the endpoint has a cheaper choice now and all together cost less. */
  private better(index: number): boolean {
    const seat = this.seats.get(index) as Seat;
    const wishes = (this.choices[index] ?? []).filter(({ cost }) => cost < seat.choice.cost - 1e-9);
    const { mark } = this.packing;
    this.leave(index);
    if (this.seat(index, wishes)) return true;
    const wishesMax = isLeftOut(seat.choice) ? wishes.length : WISHES_MAX;
    for (const wish of wishes.slice(0, wishesMax)) if (this.swap(index, wish, seat.choice)) return true;
    this.packing.rollBack(mark);
    this.take(index, seat);
    return false;
  }

  private swap(index: number, wish: Choice, before: Choice): boolean {
    const gain = before.cost - wish.cost;
    const wanted = new Set(wish.uses.map(({ centre }) => centre));
    for (const { other, loss } of this.neighbours(index, wanted)) {
      if (loss >= gain) break;
      const seat = this.seats.get(other) as Seat;
      const held = seat.choice;
      const { mark } = this.packing;
      this.leave(other);
      if (this.seat(index, [wish])) {
        const affordable = (this.choices[other] ?? []).filter(
          (choice) => choice !== held && choice.cost < held.cost + gain - 1e-9,
        );
        if (this.seat(other, affordable)) return true;
        this.drop(index);
      }
      this.packing.rollBack(mark);
      this.take(other, seat);
    }
    return false;
  }

  /** Who lies in these centres, those first to whom another choice costs least. */
  private neighbours(index: number, centres: ReadonlySet<number>): { other: number; loss: number }[] {
    const found: { other: number; loss: number }[] = [];
    const near = new Set([...centres].flatMap((centre) => [...(this.tenants[centre] ?? [])]));
    for (const other of near) {
      const { choice } = this.seats.get(other) as Seat;
      if (other === index) continue;
      const next = this.choices[other]?.find(
        (one) =>
          one.cost >= choice.cost && one !== choice && one.uses.some((use) => !centres.has(use.centre)),
      );
      if (next) found.push({ other, loss: next.cost - choice.cost });
    }
    return found.sort((a, b) => a.loss - b.loss).slice(0, NEIGHBOURS_MAX);
  }

  private leave(index: number): void {
    const seat = this.seats.get(index) as Seat;
    for (const batch of seat.batches) this.packing.remove(batch);
    this.drop(index);
  }

  /** Leaves the packing as it is. */
  private drop(index: number): void {
    const { choice } = this.seats.get(index) as Seat;
    this.movable += choice.movedRate;
    for (const { centre } of choice.uses) this.tenants[centre]?.delete(index);
    this.seats.delete(index);
  }

  private take(index: number, seat: Seat): void {
    this.seats.set(index, seat);
    this.movable -= seat.choice.movedRate;
    for (const { centre } of seat.choice.uses) this.tenants[centre]?.add(index);
  }
}
