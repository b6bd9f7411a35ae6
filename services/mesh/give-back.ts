// Gives back what a start or a burst left behind, once nobody waits for the process: of a mesh that just came up a fifth is memory that
// nothing needs any more. Every process of ours looks (start.ts, the engines, `npm start` itself).
import type { Clock } from './clock.js';
import { reclaim } from './reclaim.js';

export interface MemoryLook {
  /** Processor time of the process over the time since the last look. Not the loop's utilisation, which counts waiting for a processor as work. */
  readonly busyShare: number;
  readonly residentBytes: number;
  /** After the last giving back; 0: never yet. */
  readonly settledBytes: number;
}

const LOOK_EVERY_MS = 5_000;
/** Pages go back to the system in the background: right after a collection the process looks as large as before, and much later it may have grown again. */
const SETTLED_MS = 500;
/** A collection takes the loop 15 to 50 ms: whoever is asked so seldom meets it hardly ever. */
const IDLE_SHARE = 0.1;
const GROWTH_BYTES = 16 * 1_048_576;
/** A large process grows by as much all the time, and a collection of it takes longer: 190 ms of one of 400 MB. */
const GROWTH_SHARE = 0.25;

/** Once after the start, and then whenever it has grown enough for a collection to be worth its while. */
export const isWorthIt = ({ busyShare, residentBytes, settledBytes }: MemoryLook): boolean =>
  busyShare < IDLE_SHARE &&
  residentBytes - settledBytes >= Math.max(GROWTH_BYTES, GROWTH_SHARE * settledBytes);

/** Goes on as long as the process does. */
export function giveBackWhenIdle(clock: Pick<Clock, 'after' | 'every' | 'monotonicMs'>): void {
  let settledBytes = 0;
  let before = { used: process.cpuUsage(), atMs: clock.monotonicMs() };
  clock.every(LOOK_EVERY_MS, () => {
    const now = { used: process.cpuUsage(), atMs: clock.monotonicMs() };
    const spentMs = (now.used.user - before.used.user + now.used.system - before.used.system) / 1_000;
    const busyShare = spentMs / Math.max(1, now.atMs - before.atMs);
    before = now;
    if (!isWorthIt({ busyShare, residentBytes: process.memoryUsage.rss(), settledBytes })) return;
    reclaim();
    clock.after(SETTLED_MS, () => (settledBytes = process.memoryUsage.rss()));
  });
}
