// Which processes make up the mesh: everybody answers `massif.status`, nobody knows how many there are.
import { ProcessStatus } from '../contracts/status.js';
import { subjects } from '../contracts/subjects.js';
import { type Bus, requestFailure } from '../services/mesh/bus.js';
import type { Connections } from './connections.js';

/** A region's processes answer within a millisecond or two, a far region's within a round trip; then it is quiet. */
const QUIET_MS = 250;
const LONGEST_MS = 2_000;

export interface SeenProcess extends ProcessStatus {
  /** Between asking and its answer. */
  readonly roundTripMs: number;
}

export function processes(connections: Connections): Promise<SeenProcess[]> {
  return connections.nearest(async (bus) => {
    const found = new Map<string, SeenProcess>();
    try {
      for await (const seen of answers(bus)) found.set(seen.instance, seen);
    } catch (error) {
      const why = requestFailure(subjects.status(), error);
      // Nobody there is an answer too, as long as the server itself is.
      if (why.code !== 'UNAVAILABLE' || !bus.connected()) throw why;
    }
    const place = (p: ProcessStatus): string => `${p.region} ${p.instance}`;
    return [...found.values()].toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
  });
}

async function* answers({ nc }: Bus): AsyncGenerator<SeenProcess> {
  const asked = performance.now();
  const options = { strategy: 'stall', stall: QUIET_MS, maxWait: LONGEST_MS } as const;
  for await (const answer of await nc.requestMany(subjects.status(), undefined, options)) {
    const status = answer.data.length > 0 ? ProcessStatus.safeParse(answer.json()) : undefined;
    // Another build may say more or less; doctor compares versions.
    if (status?.success) yield { ...status.data, roundTripMs: performance.now() - asked };
  }
}
