// Placement: how far the intelligent policy and its greedy answer are from the proven bound of a long solve, whether a checker that
// shares no code with the planner finds anything, what the event loop feels of it, and how long a plan for 10,000 shards takes.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { PlacementProblem } from '../contracts/placement.js';
import { placeGreedily } from '../services/mesh/placement/greedy.js';
import { planNow, planWell } from '../services/mesh/placement/plan.js';
import { settingOf } from '../services/mesh/placement/setting.js';
import { solve } from '../services/mesh/placement/solver.js';
import { seededRandom } from '../services/mesh/random.js';
import { boundProgramme } from './peers/placement-bound.js';
import { violations } from './peers/placement-checker.js';
import { afterwards, randomInstance } from './peers/placement-instances.js';
import { type Benchmark, type BenchOptions, percentile } from './report.js';

const FORMS = {
  ci: { instances: 3, boundS: 3, scale: { regions: 10, shards: 500, endpoints: 250 } },
  quick: { instances: 12, boundS: 6, scale: { regions: 50, shards: 10_000, endpoints: 5_000 } },
  full: { instances: 100, boundS: 60, scale: { regions: 50, shards: 10_000, endpoints: 5_000 } },
} as const;
const LIMITS = { seconds: 3, gap: 0.002 };

export const benchmark: Benchmark = async ({ form, seed }: BenchOptions) => {
  const { instances, boundS, scale } = FORMS[form];
  const random = seededRandom(seed);
  const rows: Row[] = [];
  for (let i = 0; i < instances; i++) {
    const size = {
      regions: 4 + Math.floor(random() * 2),
      shards: 10 + Math.floor(random() * 5),
      endpoints: 30 + Math.floor(random() * 20),
      fill: i % 3 === 0 ? 0.95 + 0.02 * random() : 0.4 + 0.4 * random(),
    };
    const fresh = randomInstance(random, size);
    const problem = i % 2 === 0 ? fresh : afterwards(fresh, planNow(fresh, 'intelligent'), random);
    rows.push(await measure(problem, size.fill, boundS));
  }
  const large = planLarge(randomInstance(random, { ...scale, fill: 0.5 }));
  const bounded = rows.filter(({ gap }) => Number.isFinite(gap));
  const full = rows.filter(({ fill }) => fill >= 0.95);
  return {
    results: { rows, large },
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
        name: 'event loop stalled meanwhile, worst',
        value: Math.max(...rows.map((row) => row.stallMs)),
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

interface Row {
  readonly variables: number;
  readonly fill: number;
  readonly gap: number;
  readonly greedyGap: number;
  readonly greedyMs: number;
  readonly seconds: number;
  readonly stallMs: number;
  readonly quality: string;
  readonly unplaced: number;
  readonly greedyUnplaced: number;
  readonly movedShare: number;
  readonly violations: readonly string[];
}

async function measure(problem: PlacementProblem, fill: number, boundS: number): Promise<Row> {
  const setting = settingOf(problem);
  const programme = boundProgramme(setting);
  const greedyFrom = performance.now();
  const greedy = placeGreedily(setting);
  const greedyMs = performance.now() - greedyFrom;
  const greedyPlan = planNow(problem, 'intelligent');
  const { plan, seconds, stallMs } = await planWatched(problem);
  // Once more with much time and no gap, and without packing: nothing can be better than its bound.
  const bound = (await solve(programme, { seconds: boundS, gap: 1e-4 }))?.bound;
  const above = (objective: number, unplaced: number): number =>
    bound === undefined ? Number.NaN : unplaced > 0 ? Number.POSITIVE_INFINITY : objective / bound - 1;
  return {
    ...{ variables: programme.variables.length, fill },
    ...{ greedyMs, seconds, stallMs, quality: plan.quality },
    gap: above(plan.objective, plan.unplaced.length),
    greedyGap: above(greedy.objective, greedy.unplaced.length),
    unplaced: plan.unplaced.length,
    greedyUnplaced: greedy.unplaced.length,
    movedShare: plan.movedShare,
    violations: [...violations(problem, plan), ...violations(problem, greedyPlan)],
  };
}

async function planWatched(problem: PlacementProblem) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const from = performance.now();
  const planning = planWell(problem, LIMITS);
  // What runs before the first wait is the greedy answer, which has an aim of its own.
  delay.enable();
  const plan = await planning;
  delay.disable();
  return { plan, seconds: (performance.now() - from) / 1_000, stallMs: delay.max / 1e6 };
}

function planLarge(problem: PlacementProblem) {
  const policies = (['intelligent', 'proportional', 'traffic', 'user'] as const).map((policy) => {
    const { tookMs, unplaced, replicas } = planNow(problem, policy);
    return { policy, seconds: tookMs / 1_000, unplaced: unplaced.length, replicas };
  });
  return { greedyS: Math.max(...policies.map(({ seconds }) => seconds)), policies };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
