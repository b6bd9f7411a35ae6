// Removes artifacts that no version refers to: what pushes left that were cut off or refused. Runs in the leading registry. The
// catalog hears of it before the first byte goes and after the last, so that no push counts on what is going (sweep.ts).
import type { Digest } from '../../contracts/names.js';
import type { Clock } from '../mesh/clock.js';
import type { Log } from '../mesh/log.js';
import type { Admission } from './admission.js';
import type { ArtifactStore, Touched } from './artifact-store.js';
import { referencedBy, sweepable } from './sweep.js';

export interface SweeperParts {
  readonly admission: Admission;
  readonly artifacts: ArtifactStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

export class Sweeper {
  constructor(private readonly parts: SweeperParts) {}

  /** How many it removed. */
  async sweep(signal: AbortSignal): Promise<number> {
    const { admission, artifacts, clock, log } = this.parts;
    const stored = new Map<Digest, Touched>();
    const referenced = await admission.referenced();
    for (const digest of (await artifacts.list()).keys()) {
      signal.throwIfAborted();
      const touched = referenced.has(digest) ? undefined : await artifacts.touched(digest);
      if (touched) stored.set(digest, touched);
    }
    const going = await admission.beginSweep((state, unfinished) => {
      // A sweeper that died in the middle left its list: what is on it is being waited for.
      if (unfinished.length > 0) return [...unfinished];
      const candidates = [...stored].map(([digest, { atMs }]) => ({ digest, touchedMs: atMs }));
      return sweepable(candidates, referencedBy(state.versions()), clock.now());
    });
    for (const digest of going) {
      signal.throwIfAborted();
      // Up to what was seen: a process that was frozen here for long must not remove a file that was pushed since.
      const touched = stored.get(digest);
      if (touched) await artifacts.remove(digest, touched.seq);
    }
    if (going.length > 0) {
      await admission.endSweep(going);
      log.info('artifacts.swept', { count: going.length });
    }
    return going.length;
  }
}
