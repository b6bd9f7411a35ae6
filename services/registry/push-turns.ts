// Whose push is at work: each holds a whole model in memory, so a few small ones go side by side and a large one alone, in the order in which
// they came. Two with a file in common wait for each other: they would write the same object. The pusher asks.
import { RESOURCES } from '../../contracts/manifest.js';
import type { Resource } from '../../contracts/registry.js';

/** A push is mostly a wait for the bucket: more at once gain nothing. */
const AT_ONCE_MAX = 6;
/** Models in memory at once, unless one alone is larger. */
const HELD_BYTES_MAX = 64 * 1_048_576;

type Files = readonly Pick<Resource, 'name' | 'digest' | 'bytes'>[];

interface Turn {
  readonly files: Files;
  readonly begin: () => void;
}

export class PushTurns {
  private readonly working = new Set<Files>();
  private readonly waiting: Turn[] = [];

  async run<T>(files: Files, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.waiting.push({ files, begin });
      this.next();
    });
    try {
      return await work();
    } finally {
      this.working.delete(files);
      this.next();
    }
  }

  private next(): void {
    for (
      let first = this.waiting[0];
      first && mayBegin(first.files, [...this.working]);
      first = this.waiting[0]
    ) {
      this.waiting.shift();
      this.working.add(first.files);
      first.begin();
    }
  }
}

/** Nobody overtakes: a large one would wait for ever behind small ones. */
export function mayBegin(files: Files, working: readonly Files[]): boolean {
  if (working.length === 0) return true;
  const digests = new Set(working.flat().map(({ digest }) => digest));
  const held = [files, ...working].reduce((sum, one) => sum + heldBytes(one), 0);
  return (
    working.length < AT_ONCE_MAX && held <= HELD_BYTES_MAX && !files.some(({ digest }) => digests.has(digest))
  );
}

const heldBytes = (files: Files): number => files.find(({ name }) => name === RESOURCES.model)?.bytes ?? 0;
