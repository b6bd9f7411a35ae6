// As many replicas as needed and none too many? An hour of real chats, an hour of real code completion and a week of days and nights go
// through a simulated queue, scaled by our policy, by Knative's and Ray Serve's at the same cost, and by somebody who knows the future.
import { seededRandom } from '../services/mesh/random.js';
import { PolicyScaler } from '../services/autoscaler/testing/policy-scaler.js';
import { poissonLoad, weekly } from '../services/autoscaler/testing/loads.js';
import {
  type Arrival,
  replay,
  type Replay,
  type Scaler,
  type View,
} from '../services/autoscaler/testing/queue-simulator.js';
import { KnativeAutoscaler } from './peers/knative-autoscaler.js';
import { RayServeAutoscaler } from './peers/ray-serve-autoscaler.js';
import { type Aim, type Benchmark, round } from './report.js';
import { oracle } from './scale/oracle.js';
import { azureLoad } from './scale/traces.js';

const ERLANGS = 8;
const SLOWDOWN_MAX = 5;
/** The median of `bench coldstart` is below; its aim is taken. */
const START_MS = 500;
const SERVICES = { meanMs: 1_500, cv: 0.7 };
const DAY = 86_400;

const SIZES = {
  ci: { traceSeconds: 900, week: 3_600, constantHours: 0.5, bursts: 5 },
  quick: { traceSeconds: 3_600, week: 2 * DAY, constantHours: 3, bursts: 50 },
  full: { traceSeconds: 3_600, week: 7 * DAY, constantHours: 12, bursts: 500 },
} as const;

export const benchmark: Benchmark = ({ form, seed }) => {
  const size = SIZES[form];
  const random = seededRandom(seed);
  const week = weekly(ERLANGS);
  const loads: Record<string, Arrival[] | undefined> = {
    conversation: azureLoad('conversation', ERLANGS),
    code: azureLoad('code', ERLANGS),
    week: poissonLoad(week, 2.5 * ERLANGS, SERVICES, size.week, random),
  };
  const results: Record<string, unknown> = {};
  const aims: Aim[] = [];
  for (const [name, whole] of Object.entries(loads)) {
    if (!whole) {
      console.log(`skipped ${name}: its trace is not among the shared data`);
      continue;
    }
    const load = name === 'week' ? whole : whole.filter(({ atMs }) => atMs < size.traceSeconds * 1_000);
    const { table, ratio, slow, beatsPeers } = compare(load);
    console.log(`${name}: ${load.length} requests`);
    console.table(table);
    results[name] = table;
    aims.push(
      atMost(`${name}: slow requests`, slow, '%', 0.27),
      atMost(`${name}: replica-seconds`, ratio, 'x oracle', 1.25),
      { name: `${name}: peers beaten at equal cost`, value: beatsPeers, unit: 'of 2', aim: 2, op: '>=' },
    );
  }
  const constant = [0.5, 2, 8, 30].map((erlangs) => atConstantLoad(erlangs, size.constantHours, random));
  console.table(constant);
  const burst = burstDecision(size.bursts, random);
  console.table([burst]);
  for (const row of constant)
    aims.push(atMost(`constant load of ${row.erlangs}: reversals`, row['reversals / 10 min'], '/ 10 min', 1));
  aims.push(atMost('ten times the load: decided after, median', burst['median s'], 's', 2));
  return Promise.resolve({ results: { ...results, constant, burst }, aims });
};

const atMost = (name: string, value: number, unit: string, aim: number): Aim => ({
  name,
  value,
  unit,
  aim,
  op: '<=',
});

const options = { startMs: START_MS, slowdownMax: SLOWDOWN_MAX, initial: ERLANGS };

function compare(load: readonly Arrival[]) {
  const best = oracle(load, SLOWDOWN_MAX);
  const scaler = new PolicyScaler(START_MS);
  const ours = replay(load, scaler, options);
  const knative = atCost(load, ours.replicaMs, (target) => new KnativeAutoscaler(target));
  const ray = atCost(load, ours.replicaMs, (target) => new RayServeAutoscaler(target));
  const usual = {
    'Knative as shipped (0.7)': replay(load, new KnativeAutoscaler(0.7), options),
    'Ray Serve, target 0.7': replay(load, new RayServeAutoscaler(0.7), options),
  };
  const share = ({ slow, requests }: Replay) => (100 * slow) / requests;
  const row = (one: Replay) => ({
    'slow %': round(share(one)),
    'mean replicas': round(one.meanReplicas),
    most: one.most,
    'cost x oracle': round(one.replicaMs / best.replicaMs),
    reversals: one.reversals,
  });
  const endMs = load.at(-1)?.atMs ?? 1;
  return {
    slow: share(ours),
    ratio: ours.replicaMs / best.replicaMs,
    beatsPeers: [knative, ray].filter((peer) => share(peer.run) > share(ours)).length,
    table: {
      'knows the future': {
        'slow %': round((100 * best.slow) / load.length),
        'mean replicas': round(best.replicaMs / endMs),
        'cost x oracle': 1,
      },
      ours: row(ours),
      [`Knative at our cost (${round(knative.target)})`]: row(knative.run),
      [`Ray Serve at our cost (${round(ray.target)})`]: row(ray.run),
      ...Object.fromEntries(Object.entries(usual).map(([name, one]) => [name, row(one)])),
    },
  };
}

/** The target at which a peer spends what we spend: the larger the target, the fewer replicas. */
function atCost(load: readonly Arrival[], replicaMs: number, make: (target: number) => Scaler) {
  let [low, high] = [0.02, 20];
  for (let step = 0; step < 24; step++) {
    const target = Math.sqrt(low * high);
    if (replay(load, make(target), options).replicaMs > replicaMs) low = target;
    else high = target;
  }
  // The cheaper side of the crossing would be unfair to the peer.
  return { target: low, run: replay(load, make(low), options) };
}

function atConstantLoad(erlangs: number, hours: number, random: () => number) {
  const seconds = hours * 3_600;
  const load = poissonLoad(() => erlangs, erlangs, SERVICES, seconds, random);
  const scaler = new PolicyScaler(START_MS);
  const run = replay(load, scaler, { ...options, initial: 1 });
  const { steady, bursty, idle } = scaler.decisions;
  return {
    erlangs,
    'slow %': round((100 * run.slow) / run.requests),
    'mean replicas': round(run.meanReplicas),
    most: run.most,
    'steady %': round((100 * steady) / (steady + bursty + idle)),
    'reversals / 10 min': round((run.reversals * 600) / seconds),
  };
}

/** How long after a tenfold rise the wish is as large as the new load. */
function burstDecision(bursts: number, random: () => number) {
  const [before, after, riseSeconds] = [1, 10, 300];
  const seconds: number[] = [];
  for (let burst = 0; burst < bursts; burst++) {
    const load = poissonLoad(
      (t) => (t < riseSeconds ? before : after),
      after,
      SERVICES,
      riseSeconds + 20,
      random,
    );
    const policy = new PolicyScaler(START_MS);
    let decided = Infinity;
    const watched: Scaler = {
      tickMs: policy.tickMs,
      desired: (atMs: number, view: View) => {
        const desired = policy.desired(atMs, view);
        if (atMs >= riseSeconds * 1_000 && desired >= after)
          decided = Math.min(decided, atMs / 1_000 - riseSeconds);
        return desired;
      },
    };
    replay(load, watched, { ...options, initial: 1 });
    seconds.push(decided);
  }
  seconds.sort((a, b) => a - b);
  return {
    bursts,
    'median s': seconds[Math.floor(bursts / 2)] ?? Infinity,
    'p95 s': seconds[Math.floor(bursts * 0.95)] ?? Infinity,
  };
}
