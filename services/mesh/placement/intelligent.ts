// The better answer of the intelligent policy: the greedy plan, made with more choices than it has time for, then rearranged by the solver
// neighbourhood by neighbourhood until the time is up.
import { seededRandom } from '../random.js';
import { loadsOf } from './allocation.js';
import type { Load, Placed, PlacedAll } from './by-rule.js';
import { type Effort, effortFor, marketOf, packed, placeGreedily } from './greedy.js';
import { type Lying, lying } from './lying.js';
import { rearrange } from './rearrange.js';
import type { Refused, Setting } from './setting.js';
import { type SolverLimits, SolverThread } from './solver.js';

export interface Improved extends PlacedAll {
  readonly quality: 'greedy' | 'feasible' | 'optimal';
}

const USUAL_LIMITS: SolverLimits = { seconds: 2.5, gap: 0.002 };

/** More choices than the greedy answer has time for. */
function widely(setting: Setting): Effort {
  const effort = effortFor(setting);
  if (setting.endpoints.length > 150) return effort;
  const limits = { centres: 12, beam: 12, kept: 40 };
  return { first: { ...limits, kept: 20 }, priced: limits, rounds: 120, passes: 6, steps: 25_000 };
}

/** The greedy plan where the solver finds nothing better in time. */
export async function placeIntelligently(
  setting: Setting,
  { seconds, gap }: SolverLimits = USUAL_LIMITS,
  signal?: AbortSignal,
): Promise<Improved> {
  signal?.throwIfAborted();
  const endsMs = performance.now() + seconds * 1_000;
  const thread = new SolverThread();
  try {
    // Loads while the plan to start from is made.
    thread.begin();
    const market = marketOf(setting, widely(setting));
    const simple = placeGreedily(setting);
    const wide = packed(setting, market, 'thoroughly');
    const best = simple.objective < wide.objective ? simple : wide;
    const left = (endsMs - performance.now()) / 1_000;
    if (left <= 0) return { ...best, quality: 'greedy' };
    const limits = { seconds: left, gap };
    const start = lyingIn(setting, best.placed);
    const found = await rearrange(setting, market, start, thread, limits, seededRandom(1), signal);
    return { ...placedAs(setting, found.lying), quality: found.quality };
  } finally {
    await thread.close();
  }
}

function lyingIn({ centres, endpoints }: Setting, placed: readonly Placed[]): Lying[] {
  const centreOf = new Map(
    centres.flatMap((centre) => centre.shards.map(({ id }) => [id, centre.index] as const)),
  );
  const placedOf = new Map(placed.map((one) => [one.setting, one]));
  return endpoints.map((setting) => {
    const { allocation, replicas = [] } = placedOf.get(setting) ?? {};
    const shards = new Map<number, string[]>();
    for (const { shard } of replicas) {
      const centre = centreOf.get(shard) as number;
      shards.set(centre, [...(shards.get(centre) ?? []), shard]);
    }
    return lying(setting, allocation?.shares ?? setting.groups.map(() => new Map<number, number>()), shards);
  });
}

function placedAs({ refused }: Setting, all: readonly Lying[]): PlacedAll {
  const out = all.filter(({ shards }) => shards.size === 0);
  const unplaced = out.map(({ setting }): Refused => ({
    name: setting.endpoint.name,
    constraint: 'memory',
    reason: 'What others leave is too small for its replicas, or too busy.',
  }));
  const placed = all
    .filter(({ shards }) => shards.size > 0)
    .map((one) => ({ setting: one.setting, allocation: one, replicas: loadsAs(one) }));
  return { placed, unplaced: [...refused, ...unplaced] };
}

/** All replicas of a centre get the same. */
function loadsAs({ setting, shares, shards }: Lying): Load[] {
  const loads = loadsOf(setting, shares);
  return [...shards].flatMap(([centre, ids]) =>
    ids.map((shard) => ({ shard, ratePerS: (loads.get(centre) ?? 0) / ids.length })),
  );
}
