// One batch more into a centre where no shard has room for it, by exchanging replicas between shards: a tabu search (Glover 1989) that
// puts it in all the same and makes what is too much less, step by step. Packing asks when there is room enough in all. Nearly full
// shards hold tens of replicas: a search in depth would look at the last ones for ever, exchanges find the few that matter.
import type { Batch, Shelf } from './shelf.js';
import { BUSY_SHARE_MAX, MEMORY_SHARE } from './setting.js';

interface Bin {
  readonly shelf: Shelf;
  readonly memoryBytes: number;
  memoryLeft: number;
  busyLeft: number;
  readonly items: Set<Item>;
}

interface Item {
  readonly batch: Batch;
  bin: Bin;
  /** It was just moved: not again before this step. */
  freeAt: number;
}

interface Step {
  readonly item: Item;
  readonly to: Bin;
  readonly back: Item | undefined;
}

// Long enough to leave a dead end, short enough for shards that hold a handful.
const TABU_STEPS = 6;

/** Undefined when nothing was found in so many steps. */
export function repack(
  shelves: readonly Shelf[],
  batches: Iterable<Batch>,
  more: Batch,
  patience: number,
): Map<Batch, Shelf[]> | undefined {
  const bins = shelves.map((shelf): Bin => {
    const memoryBytes = shelf.shard.memoryBytes * MEMORY_SHARE;
    return { shelf, memoryBytes, memoryLeft: memoryBytes, busyLeft: BUSY_SHARE_MAX, items: new Set() };
  });
  const binOf = new Map(bins.map((bin) => [bin.shelf, bin]));
  for (const batch of batches)
    for (const shelf of batch.shelves) enter({ batch, bin: binOf.get(shelf) as Bin, freeAt: 0 });
  const roomiest = bins.toSorted(
    (a, b) =>
      Number(more.pinned.has(b.shelf.shard.id)) - Number(more.pinned.has(a.shelf.shard.id)) ||
      Math.min(b.memoryLeft / b.memoryBytes, b.busyLeft) - Math.min(a.memoryLeft / a.memoryBytes, a.busyLeft),
  );
  if (roomiest.length < more.count) return undefined;
  for (const bin of roomiest.slice(0, more.count)) enter({ batch: more, bin, freeAt: 0 });
  for (let step = 1; step <= patience; step++) {
    const worst = bins.reduce((most, bin) => (excess(bin) > excess(most) ? bin : most));
    if (excess(worst) === 0) return lying(bins);
    const next = bestStep(bins, worst, step);
    if (!next) return undefined;
    const { item, to, back } = next;
    move(item, to, step);
    if (back) move(back, worst, step);
  }
  return undefined;
}

/** The exchange, or the move of one replica, after which least is too much. */
function bestStep(bins: readonly Bin[], worst: Bin, step: number): Step | undefined {
  let found: Step | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const item of worst.items) {
    if (!mayMove(item, step)) continue;
    for (const to of bins) {
      if (to === worst || holds(to, item.batch)) continue;
      const before = excess(worst) + excess(to);
      const memory = item.batch.memoryBytes;
      const busy = item.batch.busy;
      const alone = excess(worst, memory, busy) + excess(to, -memory, -busy) - before;
      if (alone < least) {
        least = alone;
        found = { item, to, back: undefined };
      }
      for (const back of to.items) {
        if (!mayMove(back, step) || holds(worst, back.batch)) continue;
        const byMemory = memory - back.batch.memoryBytes;
        const byBusy = busy - back.batch.busy;
        const both = excess(worst, byMemory, byBusy) + excess(to, -byMemory, -byBusy) - before;
        if (both >= least) continue;
        least = both;
        found = { item, to, back };
      }
    }
  }
  return found;
}

/** Of memory and busy time, in parts of the device, when so much more were free. */
function excess({ memoryLeft, memoryBytes, busyLeft }: Bin, memory = 0, busy = 0): number {
  const memoryOver = -(memoryLeft + memory) / memoryBytes;
  const busyOver = -(busyLeft + busy) - 1e-9;
  return (memoryOver > 0 ? memoryOver : 0) + (busyOver > 0 ? busyOver : 0);
}

const mayMove = ({ batch, bin, freeAt }: Item, step: number): boolean =>
  freeAt <= step && !batch.pinned.has(bin.shelf.shard.id);

/** Replicas of one batch lie on different shards. */
function holds(bin: Bin, batch: Batch): boolean {
  if (batch.count === 1) return false;
  for (const item of bin.items) if (item.batch === batch) return true;
  return false;
}

function enter(item: Item): void {
  item.bin.items.add(item);
  item.bin.memoryLeft -= item.batch.memoryBytes;
  item.bin.busyLeft -= item.batch.busy;
}

function move(item: Item, to: Bin, step: number): void {
  item.bin.items.delete(item);
  item.bin.memoryLeft += item.batch.memoryBytes;
  item.bin.busyLeft += item.batch.busy;
  item.bin = to;
  item.freeAt = step + TABU_STEPS;
  enter(item);
}

function lying(bins: readonly Bin[]): Map<Batch, Shelf[]> {
  const found = new Map<Batch, Shelf[]>();
  for (const { shelf, items } of bins)
    for (const { batch } of items) {
      const known = found.get(batch);
      if (known) known.push(shelf);
      else found.set(batch, [shelf]);
    }
  return found;
}
