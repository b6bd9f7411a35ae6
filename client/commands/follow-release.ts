// Waits for a release and tells on the way what is decided. Several commands end with it.
import { ENDED, type ReleaseRecord } from '../../contracts/release.js';
import type { Invocation } from '../cli/command.js';
import type { Releases } from '../releases.js';

const LOOK_MS = 250;

/** Until the new version serves, or will not: also while the old one is only kept for the case. */
export async function followRelease(
  { clock, signal, out }: Pick<Invocation, 'clock' | 'signal' | 'out'>,
  releases: Releases,
  id: string,
): Promise<ReleaseRecord> {
  let told = 0;
  for (;;) {
    const record = await releases.show(id);
    if (record.last.seq > told) {
      for (const entry of await releases.history(id))
        if (entry.seq > told) out.note(`${entry.at.slice(11, 19)} ${entry.to} ${entry.why}`);
      told = record.last.seq;
    }
    if (ENDED.has(record.state) || record.state === 'draining') return record;
    await clock.sleep(LOOK_MS, signal);
  }
}

export const succeeded = ({ state }: ReleaseRecord): boolean => state === 'done' || state === 'draining';
