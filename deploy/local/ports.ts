// Which port each door of a mesh on one machine has. Fixed numbers, so that printed lines stay true from one start to the next;
// the whole block moves only when somebody else sits on one of them.
import { isFree } from './free-ports.js';

export interface RegionPorts {
  readonly rest: number;
  readonly nats: number;
  readonly natsLeaf: number;
  readonly natsMonitor: number;
  readonly consul: number;
  readonly consulServer: number;
  readonly serfLan: number;
  readonly serfWan: number;
  readonly grpc: number;
}

export const FIRST_PORT = 7400;
const PER_REGION = 10;
// Two regions: the second checkout on a machine gets the next twenty.
const MOVE_BY = 20;
const MOVES_MAX = 25;

/** The ports of the region with this index in a block that begins at `base`. */
export function regionPorts(base: number, index: number): RegionPorts {
  const first = base + index * PER_REGION;
  return {
    rest: first,
    nats: first + 1,
    natsLeaf: first + 2,
    natsMonitor: first + 3,
    consul: first + 4,
    consulServer: first + 5,
    serfLan: first + 6,
    serfWan: first + 7,
    grpc: first + 8,
  };
}

/** The beginning of the first block, at `base` or a few moves above, that is free for so many regions. */
export async function freeBlock(base: number, regions: number): Promise<number> {
  for (let move = 0; move <= MOVES_MAX; move++) {
    const first = base + move * MOVE_BY;
    if (await isBlockFree(first, regions)) return first;
  }
  throw new Error(
    `no free block of ports from ${base} to ${base + MOVES_MAX * MOVE_BY}: choose another with --port`,
  );
}

/** Where to look next, after a port of a block that looked free turned out to be taken. */
export function nextBlock(base: number): number {
  return base + MOVE_BY;
}

async function isBlockFree(base: number, regions: number): Promise<boolean> {
  const ports = Array.from({ length: regions }, (_, index) => Object.values(regionPorts(base, index))).flat();
  return (await Promise.all(ports.map(isFree))).every(Boolean);
}
