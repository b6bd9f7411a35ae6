// A plan made better by large neighbourhood search (Shaw 1998): again and again a dozen endpoints that stand in each other's way are taken up
// and laid down anew by the solver, exactly and shard by shard. Small plans are taken up as a whole: that proves them.
import type { Random } from '../random.js';
import type { Market } from './greedy.js';
import type { Lying } from './lying.js';
import { asVariables, neighbourhoodProgramme, readLying } from './neighbourhood.js';
import { Remaining } from './remaining.js';
import type { EndpointSetting, Setting } from './setting.js';
import type { SolverLimits, SolverThread } from './solver.js';

export interface Rearranged {
  /** By the endpoint's index. */
  readonly lying: readonly Lying[];
  readonly quality: 'feasible' | 'optimal';
}

/** So many endpoints on so many shards are one programme that is soon solved. */
const WHOLE_MAX = 200;
const FREE_LEAST = 6;
const FREE_FIRST = 12;
const FREE_MOST = 40;
// Sooner solved: more are taken up the next time; not solved by then: fewer.
const QUICK_S = 0.06;
const STEP_S_MAX = 0.4;
const STEP_GAP = 1e-4;
const GRACE_S = 0.3;

export async function rearrange(
  setting: Setting,
  market: Pick<Market, 'choices' | 'movableRate'>,
  began: readonly Lying[],
  thread: SolverThread,
  { seconds, gap }: SolverLimits,
  random: Random,
  signal?: AbortSignal,
): Promise<Rearranged> {
  const endsMs = performance.now() + seconds * 1_000;
  const left = (): number => (endsMs - performance.now()) / 1_000;
  const remaining = new Remaining(setting, market.movableRate);
  const now = [...began];
  for (const one of now) remaining.lay(one);
  const shards = setting.centres.reduce((sum, centre) => sum + centre.shards.length, 0);
  if (now.length * shards <= WHOLE_MAX) {
    const proven = await again(setting.endpoints, now, remaining, thread, { seconds, gap }, signal);
    return { lying: now, quality: proven ? 'optimal' : 'feasible' };
  }
  let size = FREE_FIRST;
  while (left() > 0.05) {
    const free = chosen(setting, market, now, Math.round(size), random);
    const beganMs = performance.now();
    const limits: SolverLimits = {
      ...{ seconds: Math.min(left(), STEP_S_MAX), gap: STEP_GAP },
      // The first of them waits for the solver to be loaded.
      patienceS: left() + GRACE_S,
    };
    const solved = await again(free, now, remaining, thread, limits, signal);
    const tookS = (performance.now() - beganMs) / 1_000;
    if (!solved) size = Math.max(FREE_LEAST, size * 0.8);
    else if (tookS < QUICK_S) size = Math.min(FREE_MOST, size * 1.1);
  }
  return { lying: now, quality: 'feasible' };
}

/** Lays these down anew where that costs less, in place. True when it is proven that nothing is better. */
async function again(
  free: readonly EndpointSetting[],
  now: Lying[],
  remaining: Remaining,
  thread: SolverThread,
  limits: SolverLimits,
  signal?: AbortSignal,
): Promise<boolean> {
  const before = free.map(({ index }) => now[index] as Lying);
  for (const one of before) remaining.take(one);
  const programme = neighbourhoodProgramme(free, remaining);
  const start = new Map(before.flatMap((one) => asVariables(one, remaining)));
  const solved = await thread.solve(programme, limits, start, signal);
  const after = solved ? free.map((one) => readLying(one, remaining, solved.value)) : before;
  for (const one of after) remaining.lay(one);
  if (solved && costOf(after) <= costOf(before) && remaining.holds) {
    for (const one of after) now[one.setting.index] = one;
    return solved.quality === 'optimal';
  }
  for (const one of after) remaining.take(one);
  for (const one of before) remaining.lay(one);
  return false;
}

const costOf = (all: readonly Lying[]): number => all.reduce((sum, { cost }) => sum + cost, 0);

/** One that would like something better, and those that lie where it would like to be. */
function chosen(
  { endpoints }: Setting,
  { choices }: Pick<Market, 'choices'>,
  now: readonly Lying[],
  size: number,
  random: Random,
): EndpointSetting[] {
  const regrets = endpoints.map(
    ({ index }) => (now[index] as Lying).cost - (choices[index]?.[0]?.cost ?? 0) + 1e-6,
  );
  const first = drawn(regrets, random);
  const wished = new Set(
    (choices[first] ?? []).slice(0, 3).flatMap(({ uses }) => uses.map(({ centre }) => centre)),
  );
  for (const centre of (now[first] as Lying).shards.keys()) wished.add(centre);
  const taken = new Set([first]);
  const near = regrets.map((regret, e) => {
    const lies = [...(now[e] as Lying).shards.keys()].some((centre) => wished.has(centre));
    const wants = choices[e]?.[0]?.uses.some(({ centre }) => wished.has(centre)) === true;
    const mean = 0.02 * (choices[e]?.[0]?.cost ?? 0);
    return (lies || wants ? 1 : 0.1) * (mean + regret);
  });
  while (taken.size < Math.min(size, endpoints.length)) {
    for (const e of taken) near[e] = 0;
    taken.add(drawn(near, random));
  }
  return [...taken].map((e) => endpoints[e] as EndpointSetting);
}

/** An index, as often as its weight is large. */
function drawn(weights: readonly number[], random: Random): number {
  let rest = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < weights.length; i++) {
    rest -= weights[i] as number;
    if (rest <= 0) return i;
  }
  return weights.length - 1;
}
