// Which shards of a centre get the replicas: what holds the endpoint now first, then the fullest that still has room where memory
// is short, and the emptiest where it is not. Keeps the books of memory and busy time of every shard.
import type { InventoryShard } from '../../../contracts/placement.js';
import { BUSY_SHARE, BUSY_SHARE_MAX, type Centre, type EndpointSetting, MEMORY_SHARE } from './setting.js';

interface Shelf {
  readonly shard: InventoryShard;
  readonly holds: ReadonlySet<string>;
  memoryLeft: number;
  busyLeft: number;
}

/** What was placed, as it can be taken back. */
export interface Packed {
  readonly shards: readonly string[];
  undo(): void;
}

// Above it, filling evenly leaves holes that nothing fits into.
const TIGHT_SHARE = 0.6;

export class Packing {
  private readonly shelves: readonly (readonly Shelf[])[];

  constructor(
    centres: readonly Centre[],
    private readonly tight: boolean,
  ) {
    this.shelves = centres.map(({ shards }) =>
      shards.map((shard) => ({
        shard,
        holds: new Set(shard.holds),
        memoryLeft: shard.memoryBytes * MEMORY_SHARE,
        busyLeft: BUSY_SHARE_MAX,
      })),
    );
  }

  /** Puts so many replicas on different shards; `ratePerS` is that of all of them. Undefined, and nothing placed, without room. */
  place(setting: EndpointSetting, centre: number, count: number, ratePerS: number): Packed | undefined {
    const option = setting.options.get(centre);
    if (!option) return undefined;
    const { name, memoryBytes } = setting.endpoint;
    const busy = ratePerS / count / option.rateAlonePerS;
    const { pinned } = option;
    const rank = ({ shard, holds }: Shelf): number => (pinned.has(shard.id) ? 2 : holds.has(name) ? 1 : 0);
    const sign = this.tight ? 1 : -1;
    const fitting = (this.shelves[centre] ?? [])
      .filter((shelf) => shelf.memoryLeft >= memoryBytes && shelf.busyLeft >= busy - 1e-9)
      .sort((a, b) => rank(b) - rank(a) || sign * (a.memoryLeft - b.memoryLeft) || b.busyLeft - a.busyLeft);
    if (fitting.length < count) return undefined;
    const chosen = fitting.slice(0, count);
    if (chosen.filter(({ shard }) => pinned.has(shard.id)).length < pinned.size) return undefined;
    const move = (sign: 1 | -1): void => {
      for (const shelf of chosen) {
        shelf.memoryLeft -= sign * memoryBytes;
        shelf.busyLeft -= sign * busy;
      }
    };
    move(1);
    return { shards: chosen.map(({ shard }) => shard.id), undo: () => move(-1) };
  }

  /** Of what the devices of a centre may be kept busy with on average, the share that is still free. */
  busyLeft(centre: number): number {
    const shelves = this.shelves[centre] ?? [];
    const used = shelves.reduce((sum, shelf) => sum + BUSY_SHARE_MAX - shelf.busyLeft, 0);
    return Math.max(0, 1 - used / (shelves.length * BUSY_SHARE));
  }
}

/** Whether one replica of everything fills most of the memory there is. */
export function isTight(centres: readonly Centre[], endpoints: readonly EndpointSetting[]): boolean {
  const room = centres.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const needed = endpoints.reduce((sum, { endpoint, ratePerS, options }) => {
    const best = Math.max(...[...options.values()].map((option) => option.ratePerS));
    return sum + endpoint.memoryBytes * Math.max(endpoint.spread.domains, ratePerS / best);
  }, 0);
  return needed > room * TIGHT_SHARE;
}
