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

/** A busy process answers long after the others: that it is quiet meanwhile says nothing about it. */
const WHOEVER_COMES = { strategy: 'timer', maxWait: LONGEST_MS } as const;
const UNTIL_QUIET = { strategy: 'stall', stall: QUIET_MS, maxWait: LONGEST_MS } as const;

/** Where the first that answers with this service runs: nobody waits for the others. Undefined when none does. */
export function regionOf(connections: Connections, service: string): Promise<string | undefined> {
  return connections.nearest(async (bus) => {
    for await (const { services, region } of answers(bus, WHOEVER_COMES))
      if (services.includes(service)) return region;
    return undefined;
  });
}

export function processes(connections: Connections): Promise<SeenProcess[]> {
  return connections.nearest(async (bus) => {
    const found = new Map<string, SeenProcess>();
    for await (const seen of answers(bus, UNTIL_QUIET)) found.set(seen.instance, seen);
    const place = (p: ProcessStatus): string => `${p.region} ${p.instance}`;
    return [...found.values()].toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
  });
}

async function* answers(
  bus: Bus,
  options: typeof WHOEVER_COMES | typeof UNTIL_QUIET,
): AsyncGenerator<SeenProcess> {
  const asked = performance.now();
  try {
    for await (const answer of await bus.nc.requestMany(subjects.status(), undefined, options)) {
      const status = answer.data.length > 0 ? ProcessStatus.safeParse(answer.json()) : undefined;
      // Another build may say more or less; doctor compares versions.
      if (status?.success) yield { ...status.data, roundTripMs: performance.now() - asked };
    }
  } catch (error) {
    const why = requestFailure(subjects.status(), error);
    // Nobody there is an answer too, as long as the server itself is.
    if (why.code !== 'UNAVAILABLE' || !bus.connected()) throw why;
  }
}
