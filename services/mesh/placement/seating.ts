// Which choice every endpoint has, and how one gets a better one: into free room, or by sending a neighbour somewhere that costs the
// neighbour less than is gained.
import { loadsOf } from './allocation.js';
import { packAll } from './by-rule.js';
import type { Choice } from './choices.js';
import type { Packing } from './packing.js';
import type { EndpointSetting, Setting } from './setting.js';

export interface Seat {
  readonly choice: Choice;
  readonly shards: readonly string[];
  undo(): void;
}

/** The first choice that fits, and moves no more than is left to move. */
export function sit(
  endpoint: EndpointSetting,
  choices: readonly Choice[],
  packing: Packing,
  movable: number,
): Seat | undefined {
  for (const choice of choices) {
    if (choice.movedRate > 1e-9 && choice.movedRate > movable) continue;
    const packed = packAll(endpoint, choice.replicas, loadsOf(endpoint, choice.shares), packing);
    if ('shards' in packed) return { choice, shards: packed.shards, undo: () => packed.undo() };
  }
  return undefined;
}

// Of the choices that would be better, and of the neighbours that could make room.
const WISHES_MAX = 3;
const NEIGHBOURS_MAX = 12;

export class Seating {
  constructor(
    private readonly setting: Setting,
    private readonly choices: readonly (readonly Choice[])[],
    private readonly seats: Map<number, Seat>,
    private readonly packing: Packing,
    private movable: number,
  ) {}

  /** True when the endpoint has a cheaper choice now and all together cost less. */
  better(index: number): boolean {
    const seat = this.seats.get(index) as Seat;
    const wishes = (this.choices[index] ?? []).filter(({ cost }) => cost < seat.choice.cost - 1e-9);
    this.leave(index);
    if (this.take(index, wishes)) return true;
    for (const wish of wishes.slice(0, WISHES_MAX)) if (this.swap(index, wish, seat.choice)) return true;
    this.mustTake(index, seat.choice);
    return false;
  }

  private swap(index: number, wish: Choice, before: Choice): boolean {
    const gain = before.cost - wish.cost;
    const wanted = new Set(wish.uses.map(({ centre }) => centre));
    for (const { other, loss } of this.neighbours(index, wanted)) {
      if (loss >= gain) break;
      const held = (this.seats.get(other) as Seat).choice;
      this.leave(other);
      if (this.take(index, [wish])) {
        const affordable = (this.choices[other] ?? []).filter(
          (choice) => choice !== held && choice.cost < held.cost + gain - 1e-9,
        );
        if (this.take(other, affordable)) return true;
        this.leave(index);
      }
      this.mustTake(other, held);
    }
    return false;
  }

  /** Who lies in these centres, those first to whom another choice costs least. */
  private neighbours(index: number, centres: ReadonlySet<number>): { other: number; loss: number }[] {
    const found: { other: number; loss: number }[] = [];
    for (const [other, { choice }] of this.seats) {
      if (other === index || !choice.uses.some(({ centre }) => centres.has(centre))) continue;
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
    seat.undo();
    this.movable += seat.choice.movedRate;
    this.seats.delete(index);
  }

  private take(index: number, choices: readonly Choice[], movable = this.movable): boolean {
    const seat = sit(this.setting.endpoints[index] as EndpointSetting, choices, this.packing, movable);
    if (!seat) return false;
    this.seats.set(index, seat);
    this.movable -= seat.choice.movedRate;
    return true;
  }

  /** It was there a moment ago, so there is room. */
  private mustTake(index: number, choice: Choice): void {
    this.take(index, [choice], Number.POSITIVE_INFINITY);
  }
}
