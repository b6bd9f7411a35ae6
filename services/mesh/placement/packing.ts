// Which shards of a centre get the replicas: what holds the endpoint now first, then the fullest that still has room where memory
// is short, and the emptiest where it is not; where no shard has room although all together have, the centre is packed anew. Keeps
// the books of every shard's memory and busy time and of every centre's: one shard may be busier than the average that its centre is
// held to.
import { repack } from './repack.js';
import type { Batch, Shelf } from './shelf.js';
import { BUSY_SHARE, BUSY_SHARE_MAX, type Centre, type EndpointSetting, MEMORY_SHARE } from './setting.js';

interface Room {
  readonly shelves: readonly Shelf[];
  readonly batches: Set<Batch>;
  memoryLeft: number;
  busyLeft: number;
}

// Above it, filling evenly leaves holes that nothing fits into.
const TIGHT_SHARE = 0.6;
/** With more shards the holes are small beside the room. */
const REPACKED_SHARDS_MAX = 24;

export class Packing {
  private readonly rooms: readonly Room[];
  private readonly journal: { readonly batch: Batch; readonly before: readonly Shelf[] }[] = [];

  constructor(
    centres: readonly Centre[],
    private readonly tight: boolean,
    /** Of a search for room, how many steps. */
    private readonly patience = 40,
  ) {
    this.rooms = centres.map(({ shards, memoryBytes }) => ({
      shelves: shards.map((shard) => ({
        shard,
        holds: new Set(shard.holds),
        memoryLeft: shard.memoryBytes * MEMORY_SHARE,
        busyLeft: BUSY_SHARE_MAX,
      })),
      batches: new Set(),
      memoryLeft: memoryBytes,
      busyLeft: shards.length * BUSY_SHARE,
    }));
  }

  /** Puts so many replicas on different shards; `ratePerS` is that of all of them. Undefined, and nothing placed, without room. */
  place(setting: EndpointSetting, centre: number, count: number, ratePerS: number): Batch | undefined {
    const option = setting.options.get(centre);
    const room = this.rooms[centre];
    if (!option || !room) return undefined;
    const { name, memoryBytes } = setting.endpoint;
    const busy = ratePerS / count / option.rateAlonePerS;
    if (room.busyLeft < busy * count - 1e-9 || room.memoryLeft < memoryBytes * count) return undefined;
    const batch: Batch = {
      name,
      centre,
      count,
      memoryBytes,
      busy,
      ratePerS: ratePerS / count,
      pinned: option.pinned,
      shelves: [],
    };
    const shelves = this.choose(room, batch);
    if (shelves) {
      this.put(batch, shelves);
      return batch;
    }
    return room.shelves.length <= REPACKED_SHARDS_MAX && this.anew(room, batch) ? batch : undefined;
  }

  remove(batch: Batch): void {
    this.put(batch, []);
  }

  /** For `rollBack`. */
  get mark(): number {
    return this.journal.length;
  }

  /** All as it was at the mark. */
  rollBack(mark: number): void {
    while (this.journal.length > mark) {
      const { batch, before } = this.journal.pop() as (typeof this.journal)[number];
      this.put(batch, before);
      this.journal.pop();
    }
  }

  /** What was done is not taken back any more. */
  forget(): void {
    this.journal.length = 0;
  }

  /** Of what the devices of a centre may be kept busy with on average, the share that is still free. */
  busyLeft(centre: number): number {
    const { busyLeft = 0, shelves } = this.rooms[centre] ?? { shelves: [] };
    return Math.max(0, busyLeft / (shelves.length * BUSY_SHARE));
  }

  private choose(
    { shelves }: Room,
    { name, memoryBytes, busy, count, pinned }: Batch,
  ): readonly Shelf[] | undefined {
    const rank = ({ shard, holds }: Shelf): number => (pinned.has(shard.id) ? 2 : holds.has(name) ? 1 : 0);
    const sign = this.tight ? 1 : -1;
    const before = (a: Shelf, b: Shelf): number =>
      rank(b) - rank(a) || sign * (a.memoryLeft - b.memoryLeft) || b.busyLeft - a.busyLeft;
    const fitting = shelves.filter(
      (shelf) => shelf.memoryLeft >= memoryBytes && shelf.busyLeft >= busy - 1e-9,
    );
    if (fitting.length < count) return undefined;
    const [first, ...rest] = fitting;
    // Nearly always one is wanted of a hundred.
    const chosen =
      count === 1 && first
        ? [rest.reduce((best, shelf) => (before(shelf, best) < 0 ? shelf : best), first)]
        : fitting.sort(before).slice(0, count);
    return chosen.filter(({ shard }) => pinned.has(shard.id)).length < pinned.size ? undefined : chosen;
  }

  private anew(room: Room, batch: Batch): boolean {
    const found = repack(room.shelves, room.batches, batch, this.patience);
    if (!found) return false;
    for (const [one, shelves] of found)
      if (shelves.some((shelf) => !one.shelves.includes(shelf))) this.put(one, shelves);
    return true;
  }

  private put(batch: Batch, shelves: readonly Shelf[]): void {
    const room = this.rooms[batch.centre] as Room;
    this.journal.push({ batch, before: batch.shelves });
    book(room, batch, 1);
    batch.shelves = shelves;
    book(room, batch, -1);
    if (shelves.length > 0) room.batches.add(batch);
    else room.batches.delete(batch);
  }
}

function book(room: Room, { shelves, memoryBytes, busy }: Batch, sign: 1 | -1): void {
  for (const shelf of shelves) {
    shelf.memoryLeft += sign * memoryBytes;
    shelf.busyLeft += sign * busy;
    room.memoryLeft += sign * memoryBytes;
    room.busyLeft += sign * busy;
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
