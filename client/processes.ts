// Which processes make up the mesh: everybody answers `massif.status`, nobody knows how many there are.
import { ProcessStatus } from '../contracts/status.js';
import { subjects } from '../contracts/subjects.js';
import type { Connections } from './connections.js';

/** A region's processes answer within a millisecond or two, a far region's within a round trip; then it is quiet. */
const QUIET_MS = 250;
const LONGEST_MS = 2_000;

export interface SeenProcess extends ProcessStatus {
  /** Between asking and its answer. */
  readonly roundTripMs: number;
}

export function processes(connections: Connections): Promise<SeenProcess[]> {
  return connections.nearest(async ({ nc }) => {
    const found = new Map<string, SeenProcess>();
    const asked = performance.now();
    const answers = await nc.requestMany(subjects.status(), undefined, {
      strategy: 'stall',
      stall: QUIET_MS,
      maxWait: LONGEST_MS,
    });
    for await (const answer of answers) {
      const status = answer.data.length > 0 ? ProcessStatus.safeParse(answer.json()) : undefined;
      if (!status?.success) continue; // another build may say more or less; doctor compares versions
      found.set(status.data.instance, { ...status.data, roundTripMs: performance.now() - asked });
    }
    const place = (p: ProcessStatus): string => `${p.region} ${p.instance}`;
    return [...found.values()].toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
  });
}
