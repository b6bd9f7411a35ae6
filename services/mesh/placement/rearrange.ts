// A plan made better by large neighbourhood search (Shaw 1998): the solver first lays all endpoints down anew, each into the centres that
// scarcity speaks for, then again and again those that stand in each other's way, exactly. Small plans are taken up as a whole: that
// proves them.
import type { Random } from '../random.js';
import { type Choice, costOfAll } from './choice.js';
import type { Market } from './market.js';
import { asVariables, type Free, neighbourhoodProgramme, readChoice } from './neighbourhood.js';
import { Remaining } from './remaining.js';
import type { Setting } from './setting.js';
import type { SolverLimits, SolverThread } from './solver.js';

export interface Rearranged {
  /** By the endpoint's index. */
  readonly chosen: readonly Choice[];
  readonly quality: 'feasible' | 'optimal';
}

/** So many endpoints in so many centres are one programme that is soon solved. */
const WHOLE_MAX = 150;
// Beyond it the solver has not found its way around when the time is up.
export const ALL_MAX = 200;
/** Centres of an endpoint at first, on average; so many times more when the solver was quick. */
const NARROW = 3.3;
const WIDER = 1.5;
const FREE_LEAST = 10;
const FREE_FIRST = 25;
const FREE_MOST = 60;
// Sooner solved: more are taken up the next time; not solved by then: fewer.
const QUICK_S = 0.1;
const STEP_S_MAX = 0.4;
const STEP_GAP = 1e-3;
export const HEURISTICS = 0.9;
// What the solver needs to notice that its time is up.
const GRACE_S = 0.2;
const LEAST_S = 0.05;

export const provable = ({ endpoints, centres }: Setting): boolean =>
  endpoints.length * centres.length <= WHOLE_MAX;

export async function rearrange(
  setting: Setting,
  market: Pick<Market, 'choices' | 'priced' | 'movableRate' | 'price'>,
  began: readonly Choice[],
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
  const again = (free: readonly Free[], limits: SolverLimits): Promise<boolean> =>
    laidAnew(free, now, remaining, thread, limits, signal);
  const { endpoints, centres } = setting;
  if (provable(setting)) {
    const proven = await again(endpoints.map(whole), { seconds, gap });
    return { chosen: now, quality: proven ? 'optimal' : 'feasible' };
  }
  let near = narrowed(setting, market, NARROW);
  const free = (e: number): Free => ({
    setting: setting.endpoints[e] as Free['setting'],
    centres: new Set([...(near[e] as ReadonlySet<number>), ...(now[e] as Choice).replicas.keys()]),
  });
  // The first waits for the solver to be loaded.
  const limited = (most: number): SolverLimits => ({
    seconds: Math.max(LEAST_S, Math.min(left() - GRACE_S, most)),
    gap: STEP_GAP,
    heuristics: HEURISTICS,
    patienceS: left() + GRACE_S,
  });
  if (endpoints.length <= ALL_MAX) {
    for (let wide = NARROW; left() > GRACE_S && wide < centres.length; wide *= WIDER) {
      near = narrowed(setting, market, wide);
      await again(
        endpoints.map((_, e) => free(e)),
        limited(left()),
      );
    }
    return { chosen: now, quality: 'feasible' };
  }
  let size = FREE_FIRST;
  while (left() > GRACE_S) {
    const chosen = drawnTogether(setting, market, now, Math.round(size), random);
    const beganMs = performance.now();
    const solved = await again(chosen.map(free), limited(STEP_S_MAX));
    const tookS = (performance.now() - beganMs) / 1_000;
    if (!solved) size = Math.max(FREE_LEAST, size * 0.8);
    else if (tookS < QUICK_S) size = Math.min(FREE_MOST, size * 1.1);
  }
  return { chosen: now, quality: 'feasible' };
}

const whole = (setting: Free['setting']): Free => ({ setting, centres: new Set(setting.options.keys()) });

/** Lays these down anew where that costs less, in place. True when it is proven that nothing is better. */
export async function laidAnew(
  free: readonly Free[],
  now: Choice[],
  remaining: Remaining,
  thread: SolverThread,
  limits: SolverLimits,
  signal?: AbortSignal,
): Promise<boolean> {
  const before = free.map(({ setting }) => now[setting.index] as Choice);
  for (const one of before) remaining.take(one);
  const programme = neighbourhoodProgramme(free, remaining);
  const start = new Map(free.flatMap((one, i) => asVariables(one, before[i] as Choice)));
  const solved = await thread.solve(programme, limits, start, signal);
  const after = solved ? free.map((one) => readChoice(one, solved.value)) : before;
  for (const one of after) remaining.lay(one);
  if (solved && costOfAll(after) <= costOfAll(before) && remaining.holds) {
    free.forEach(({ setting }, i) => (now[setting.index] = after[i] as Choice));
    return solved.quality === 'optimal';
  }
  for (const one of after) remaining.take(one);
  for (const one of before) remaining.lay(one);
  return false;
}

/** For each endpoint its two centres, at least, that cost least with what is scarce, and of all pairs of both the cheapest so many. */
function narrowed(
  { endpoints }: Setting,
  { choices, priced }: Pick<Market, 'choices' | 'priced'>,
  perEndpoint: number,
): Set<number>[] {
  const regrets = endpoints.map((_, e) => regretsOf(choices[e] ?? [], priced[e] as Float64Array));
  const near = regrets.map((all) => new Set(all.slice(0, 2).map(({ centre }) => centre)));
  const others = regrets
    .flatMap((all, e) => all.map(({ centre, regret }) => ({ e, centre, regret })))
    .sort((a, b) => a.regret - b.regret);
  for (const { e, centre } of others.slice(0, Math.round(perEndpoint * endpoints.length)))
    near[e]?.add(centre);
  return near;
}

/** What it costs, with what is scarce, to use a centre in the place of the best; cheapest first. */
function regretsOf(
  choices: readonly Choice[],
  priced: Float64Array,
): readonly { readonly centre: number; readonly regret: number }[] {
  const least = Math.min(...priced);
  const byCentre = new Map<number, number>();
  choices.forEach(({ uses }, k) => {
    const regret = (priced[k] as number) - least;
    for (const { centre } of uses)
      byCentre.set(centre, Math.min(byCentre.get(centre) ?? Number.POSITIVE_INFINITY, regret));
  });
  return [...byCentre].map(([centre, regret]) => ({ centre, regret })).sort((a, b) => a.regret - b.regret);
}

/** One that costs more than scarcity asks for, and those that lie where it would like to be. */
function drawnTogether(
  { endpoints }: Setting,
  { choices, priced, price }: Pick<Market, 'choices' | 'priced' | 'price'>,
  now: readonly Choice[],
  size: number,
  random: Random,
): number[] {
  const best = priced.map((all) =>
    all.reduce((least, one, k) => (one < (all[least] as number) ? k : least), 0),
  );
  const regrets = endpoints.map(
    (_, e) => Math.max(0, price(now[e] as Choice) - (priced[e]?.[best[e] as number] ?? 0)) + 1e-6,
  );
  const first = drawn(regrets, random);
  const wished = new Set(choices[first]?.[best[first] as number]?.uses.map(({ centre }) => centre));
  for (const centre of (now[first] as Choice).replicas.keys()) wished.add(centre);
  const taken = new Set([first]);
  const near = regrets.map((regret, e) => {
    const lies = [...(now[e] as Choice).replicas.keys()].some((centre) => wished.has(centre));
    const wants = choices[e]?.[best[e] as number]?.uses.some(({ centre }) => wished.has(centre)) === true;
    const mean = 0.02 * (choices[e]?.[0]?.cost ?? 0);
    return (lies || wants ? 1 : 0.1) * (mean + regret);
  });
  while (taken.size < Math.min(size, endpoints.length)) {
    for (const e of taken) near[e] = 0;
    taken.add(drawn(near, random));
  }
  return [...taken];
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
