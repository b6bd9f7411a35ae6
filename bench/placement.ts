// Placement: how far the intelligent policy and its greedy answer are from the proven bound of a long solve, whether a checker that
// shares no code with the planner finds anything, what the event loop feels of it, and how long a plan for 10,000 shards takes.
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlacementPlan, PlacementProblem } from '../contracts/placement.js';
import { planNow } from '../services/mesh/placement/plan.js';
import { Planners } from '../services/mesh/placement/planners.js';
import { settingOf } from '../services/mesh/placement/setting.js';
import { SolverThread } from '../services/mesh/placement/solver.js';
import { seededRandom } from '../services/mesh/random.js';
import { boundProgramme, startFrom } from './peers/placement-bound.js';
import { violations } from './peers/placement-checker.js';
import { afterwards, filledBy, randomInstance, roomy } from './peers/placement-instances.js';
import { type Benchmark, type BenchOptions, percentile } from './report.js';

const FORMS = {
  ci: { warmings: 0, instances: 1, proofS: 2, scale: { regions: 10, shards: 500, endpoints: 250 } },
  quick: { warmings: 3, instances: 6, proofS: 40, scale: { regions: 50, shards: 10_000, endpoints: 5_000 } },
  full: { warmings: 3, instances: 100, proofS: 40, scale: { regions: 50, shards: 10_000, endpoints: 5_000 } },
} as const;
/** Bounds are proven side by side, when all plans have been made; `proofS`: what a solver has for each. */
const PROVERS = 2;
// Of it what goes into looking for something better than the plan. The rest is asked only whether anything is better by what is wanted
// than the best known, then than the plan: from a bound so near most of the tree falls away.
const LOOKING = 0.35;
const WANTED = 0.0099;
/** Of the instances every third has its memory as full as this, and no other. */
const FULL = 0.95;
// What is solved fills a little more than what is planned at once.
const ROOMY = 0.9;
const AT_ONCE_WARMINGS = 12;

export const benchmark: Benchmark = async ({ form, seed, only, log }: BenchOptions) => {
  const { warmings, instances, proofS, scale } = FORMS[form];
  const [from, to] = rangeOf(only, instances);
  const random = seededRandom(seed);
  const planner = new Planners();
  // The threads of a registry have planned before, every half a minute at once, and what they planned is there: what is measured is the
  // planner, not its compilation.
  const warming = { regions: 4, shards: 12, endpoints: 60, fill: 0.8, heat: 0.6 };
  for (let i = 0; i < warmings; i++) {
    const problem = randomInstance(random, warming);
    for (const what of ['intelligent', 'solved'] as const) await planner.plan(problem, what);
    const later = afterwards(problem, lastingPlan(problem), seededRandom(seed));
    for (const what of ['intelligent', 'solved'] as const) await planner.plan(later, what);
    for (let again = 0; again < AT_ONCE_WARMINGS; again++) await planner.plan(later, 'intelligent');
  }
  const planned: Planned[] = [];
  for (let i = 0; i < instances; i++) {
    const isFull = i % 3 === 0;
    const size = {
      regions: 4 + Math.floor(random() * 2),
      shards: 12 + Math.floor(random() * 9),
      endpoints: 60 + Math.floor(random() * 60),
      // What nobody can do without. What pays besides, nearness above all, fills the rest: see `filled`.
      fill: isFull ? 0.88 + 0.02 * random() : 0.4 + 0.4 * random(),
      heat: 0.4 + 0.4 * random(),
    };
    const made = randomInstance(random, size);
    const fresh = isFull ? made : roomy(made, lastingPlan, ROOMY);
    const problem = i % 2 === 0 ? fresh : afterwards(fresh, lastingPlan(fresh), random);
    if (i < from || i >= to) continue;
    planned.push(await planBoth(problem, planner));
  }
  const large = await planLarge(planner, randomInstance(random, { ...scale, fill: 0.5, heat: 0.5 }));
  await planner.close();
  const rows = await proven(planned, (proofS * planned.length) / PROVERS);
  const bounded = rows.filter(({ gap }) => Number.isFinite(gap));
  const full = rows.filter(({ filled }) => filled >= FULL);
  const parts = {
    'memory 95 % full': partOf(full),
    'less full': partOf(rows.filter(({ filled }) => filled < FULL)),
  };
  for (const [name, part] of Object.entries(parts))
    log(`${name}, ${part.instances} instances: ${Object.entries(part.above).map(told).join('; ')}`);
  const stalls = rows.map(({ stallMs }) => stallMs);
  const idle = rows.map(({ idleStallMs }) => idleStallMs);
  const ms = (all: readonly number[]): string => all.map((one) => one.toFixed(1)).join(', ');
  log(`the event loop stalled for ${ms(stalls)} ms with a plan, for ${ms(idle)} ms without, in turn`);
  return {
    results: { rows, large, parts },
    aims: [
      {
        name: 'intelligent above the bound, worst',
        value: 100 * Math.max(...bounded.map((row) => row.gap)),
        unit: '%',
        aim: 1,
        op: '<=',
      },
      {
        name: 'intelligent above the bound, median',
        value:
          100 *
          percentile(
            bounded.map((row) => row.gap),
            0.5,
          ),
        unit: '%',
        aim: 1,
        op: '<=',
      },
      {
        name: 'instances that nothing was proven of',
        value: rows.length - bounded.length,
        unit: '',
        aim: 0,
        op: '<=',
      },
      {
        name: 'instances whose memory is 95 % full, off a third',
        value: Math.abs(full.length - Math.ceil(rows.length / 3)),
        unit: '',
        aim: 0,
        op: '<=',
      },
      {
        name: 'endpoints left out, memory 95 % full',
        value: sum(full.map((row) => row.unplaced)),
        unit: '',
        aim: 0,
        op: '<=',
      },
      {
        name: 'solved in, worst',
        value: Math.max(...rows.map((row) => row.seconds)),
        unit: 's',
        aim: 3,
        op: '<=',
      },
      {
        // What the machine does to any event loop is no plan's doing: as many windows without a plan, as long, in turn with them.
        name: `event loop stalled by planning: worst ${Math.max(...stalls).toFixed(1)} ms, without a plan ${Math.max(...idle).toFixed(1)}`,
        value: Math.max(0, Math.max(...stalls) - Math.max(...idle)),
        unit: 'ms',
        aim: 10,
        op: '<=',
      },
      {
        name: 'greedy above the bound, worst',
        value: 100 * Math.max(...bounded.map((row) => row.greedyGap)),
        unit: '%',
        aim: 10,
        op: '<=',
      },
      {
        name: 'greedy takes, worst',
        value: Math.max(...rows.map((row) => row.greedyMs)),
        unit: 'ms',
        aim: 50,
        op: '<=',
      },
      {
        name: 'constraints broken, by the checker',
        value: sum(rows.map((row) => row.violations.length)),
        unit: '',
        aim: 0,
        op: '<=',
      },
      {
        name: 'users moved by a new plan, worst',
        value: 100 * Math.max(...rows.map((row) => row.movedShare)),
        unit: '%',
        aim: 10,
        op: '<=',
      },
      {
        name: `greedy plan of ${scale.shards} shards, ${scale.endpoints} endpoints`,
        value: large.greedyS,
        unit: 's',
        aim: 5,
        op: '<=',
      },
    ],
  };
};

/** What instances are made with: the same one whatever the machine does meanwhile. */
const lastingPlan = (problem: PlacementProblem): PlacementPlan =>
  planNow(problem, 'intelligent', Number.POSITIVE_INFINITY);

/** `--only 25-50`: of the instances those from the 25th on, without the 50th. */
function rangeOf(only: string | undefined, instances: number): [number, number] {
  const [from = 0, to = instances] = only?.split('-').map(Number) ?? [];
  return [from, Math.min(to, instances)];
}

/** Median and worst, in parts. */
type Spread = readonly [median: number, worst: number];

function partOf(rows: readonly Row[]): { instances: number; above: Record<string, Spread> } {
  const spread = (of: (row: Row) => number): Spread => {
    const values = rows.map(of).filter(Number.isFinite);
    return [percentile(values, 0.5), Math.max(...values)];
  };
  return {
    instances: rows.length,
    above: {
      'above the bound': spread(({ gap }) => gap),
      'above the best known': spread(({ aboveBest }) => aboveBest),
      'the best known above the bound': spread(({ unproven }) => unproven),
      'greedy above the bound': spread(({ greedyGap }) => greedyGap),
      'greedy above the best known': spread(({ greedyAboveBest }) => greedyAboveBest),
    },
  };
}

const told = ([what, [median, worst]]: [string, Spread]): string =>
  `${what} median ${(100 * median).toFixed(2)}, worst ${(100 * worst).toFixed(2)} %`;

interface Row {
  readonly variables: number;
  /** Of the memory that may be filled, what the plan fills. */
  readonly filled: number;
  /** What is not proven yet of the bound: how far it is below the best that the long solve found. */
  readonly unproven: number;
  readonly gap: number;
  /** How far the plan is above the best that the long solve found, which need not fit onto the shards. */
  readonly aboveBest: number;
  readonly greedyGap: number;
  readonly greedyAboveBest: number;
  readonly greedyMs: number;
  readonly seconds: number;
  readonly stallMs: number;
  /** The same in as long a time without a plan, right afterwards. */
  readonly idleStallMs: number;
  /** While the solved plan was made the asking thread computed so long, and waited so long for a core. Nothing but on Linux. */
  readonly computedMs: number;
  readonly waitedMs: number;
  readonly quality: string;
  readonly unplaced: number;
  readonly greedyUnplaced: number;
  readonly movedShare: number;
  readonly violations: readonly string[];
}

interface Planned {
  readonly problem: PlacementProblem;
  readonly greedy: Watched;
  readonly solved: Watched;
  readonly idle: Felt;
}

async function planBoth(problem: PlacementProblem, planner: Planners): Promise<Planned> {
  const greedy = await planWatched(problem, planner, 'intelligent');
  const solved = await planWatched(problem, planner, 'solved');
  return { problem, greedy, solved, idle: await watched(() => sleep(solved.plan.tookMs)) };
}

/** The roomiest first, by several solvers: who needs less than its part of the time leaves it to the fuller, which need more. */
async function proven(planned: readonly Planned[], seconds: number): Promise<Row[]> {
  const endsMs = performance.now() + seconds * 1_000;
  const rows: Row[] = [];
  const fill = ({ problem, solved }: Planned): number => filledBy(problem, solved.plan);
  const waiting = [...planned.entries()].sort(([, a], [, b]) => fill(a) - fill(b));
  const prover = async (): Promise<void> => {
    const thread = new SolverThread();
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [i, one] = next;
      const leftS = Math.max(1, (endsMs - performance.now()) / 1_000);
      const rounds = Math.ceil((waiting.length + 1) / PROVERS);
      rows[i] = await measured(one, thread, leftS / rounds);
    }
    await thread.close();
  };
  await Promise.all(Array.from({ length: PROVERS }, prover));
  return rows;
}

async function measured(
  { problem, greedy, solved, idle }: Planned,
  thread: SolverThread,
  seconds: number,
): Promise<Row> {
  const beganMs = performance.now();
  const setting = settingOf(problem);
  const programme = boundProgramme(setting);
  // Once more with much time and no gap, and without packing: nothing can be better than its bound.
  const limits = { seconds: seconds * LOOKING, gap: 1e-4 };
  const long =
    (await thread.solve(programme, limits, startFrom(setting, solved.plan))) ??
    (await thread.solve(programme, limits));
  let bound = long?.bound ?? Number.NEGATIVE_INFINITY;
  // Whether the best known can be bettered is answered sooner than the same of a plan that can be.
  for (const objective of long ? [long.objective, solved.plan.objective] : [solved.plan.objective]) {
    const wanted = objective / (1 + WANTED);
    const leftS = seconds - (performance.now() - beganMs) / 1_000;
    if (bound >= wanted - 1e-9 || leftS <= 0) continue;
    bound = Math.max(bound, await thread.prove(programme, { ...limits, seconds: leftS }, wanted));
  }
  // Whoever is ended before the root is solved has no bound: minus infinity.
  const above = (objective: number): number => (Number.isFinite(bound) ? objective / bound - 1 : Number.NaN);
  const aboveBest = ({ plan }: Watched): number => (long ? plan.objective / long.objective - 1 : Number.NaN);
  return {
    variables: programme.variables.length,
    filled: filledBy(problem, solved.plan),
    greedyMs: greedy.plan.tookMs,
    seconds: solved.plan.tookMs / 1_000,
    quality: solved.plan.quality,
    stallMs: Math.max(greedy.stallMs, solved.stallMs),
    idleStallMs: idle.stallMs,
    computedMs: solved.computedMs,
    waitedMs: solved.waitedMs,
    unproven: above(long?.objective ?? Number.NaN),
    gap: above(solved.plan.objective),
    aboveBest: aboveBest(solved),
    greedyGap: above(greedy.plan.objective),
    greedyAboveBest: aboveBest(greedy),
    unplaced: solved.plan.unplaced.length,
    greedyUnplaced: greedy.plan.unplaced.length,
    movedShare: Math.max(greedy.plan.movedShare, solved.plan.movedShare),
    violations: [...violations(problem, solved.plan), ...violations(problem, greedy.plan)],
  };
}

interface Felt {
  /** What the event loop of whoever asks feels of it. */
  readonly stallMs: number;
  readonly computedMs: number;
  readonly waitedMs: number;
}

interface Watched extends Felt {
  readonly plan: PlacementPlan;
}

async function planWatched(
  problem: PlacementProblem,
  planner: Planners,
  what: 'intelligent' | 'solved',
): Promise<Watched> {
  const { result, ...felt } = await watched(() => planner.plan(problem, what));
  return { plan: result[0] as PlacementPlan, ...felt };
}

async function watched<T>(does: () => Promise<T>): Promise<Felt & { readonly result: T }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const [computed, waited] = await scheduled();
  delay.enable();
  const result = await does();
  delay.disable();
  const [computedThen, waitedThen] = await scheduled();
  return {
    result,
    stallMs: delay.max / 1e6,
    computedMs: computedThen - computed,
    waitedMs: waitedThen - waited,
  };
}

/** Of the thread with the event loop: what it computed and what it waited for a core, in ms. */
async function scheduled(): Promise<readonly [number, number]> {
  const told = await readFile(`/proc/self/task/${process.pid}/schedstat`, 'utf8').catch(() => '');
  const [computed, waited] = told.split(' ').map((ns) => Number(ns) / 1e6);
  return [computed ?? 0, waited ?? 0];
}

async function planLarge(planner: Planners, problem: PlacementProblem) {
  const policies = [];
  for (const policy of ['intelligent', 'proportional', 'traffic', 'user'] as const) {
    const [plan] = await planner.plan(problem, policy);
    const { tookMs, unplaced, replicas } = plan as PlacementPlan;
    policies.push({ policy, seconds: tookMs / 1_000, unplaced: unplaced.length, replicas });
  }
  return { greedyS: Math.max(...policies.map(({ seconds }) => seconds)), policies };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
