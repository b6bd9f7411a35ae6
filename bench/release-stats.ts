// How often does the judge of releases cry wolf, and how soon does it see a wolf? Simulated calls go through the same evidence book,
// collector and judge as real ones; a z-test that looks just as often stands beside it. Pure computation, no server.
import type { EndpointRecord } from '../contracts/registry.js';
import { WEIGHT_TOTAL } from '../contracts/traffic.js';
import { bucketOf, variantOf } from '../services/mesh/bucket.js';
import { seededRandom } from '../services/mesh/random.js';
import { lnSampleRatio, SAMPLE_RATIO_ALARM } from '../services/mesh/statistics/sample-ratio.js';
import { SimulatedRelease } from '../services/mesh/testing/simulated-release.js';
import { NaiveZ } from './peers/naive-z.js';
import { HARM, QUIET, type Scenario } from './peers/release-scenarios.js';
import { type Aim, type Benchmark, percentile, round } from './report.js';

const SIZES = {
  ci: { quiet: 4, found: 6, ratio: 50, users: 50_000 },
  quick: { quiet: 150, found: 100, ratio: 1_000, users: 1_000_000 },
  full: { quiet: 2_000, found: 500, ratio: 20_000, users: 1_000_000 },
} as const;

const CALLS_MAX = 20_000;
const LOOK_EVERY = 200;
/** A controller looks several times a second, so detection is counted almost call by call. */
const LOOK_EVERY_FOUND = 2;

export const benchmark: Benchmark = ({ form, seed }) => {
  const size = SIZES[form];
  const quiet = QUIET.map((scenario) => alarms(scenario, size.quiet, seed));
  const found = mapValues(HARM, (scenario) => detections(scenario, size.found * histories(scenario), seed));
  const sampleRatio = sampleRatioAlarms(size.ratio, seed);
  const split = assignment(size.users);
  console.table(quiet);
  console.table(Object.values(found));
  console.table({ ...split, 'sample ratio, false alarms %': sampleRatio });
  return Promise.resolve({
    results: { quiet, found, split, sampleRatioPercent: sampleRatio },
    aims: [
      ...quiet.map((row) => atMost(`false rollbacks, ${row.scenario}`, row['rolled back %'], '%', 5)),
      atMost('errors 2 -> 10 % at equal shares, median', found.tenth['median calls'], 'calls', 250),
      atMost('errors 2 -> 10 % at equal shares, p95', found.tenth['p95 calls'], 'calls', 700),
      atMost('errors 2 -> 50 % at equal shares, p95', found.half['p95 calls'], 'calls', 60),
      atMost(
        'errors 2 -> 10 % at a 5 % share, median',
        found.twentieth['median of canary'],
        'canary calls',
        60,
      ),
      atMost('all calls 20 % slower, median', found.slower['median calls'], 'calls', 800),
      atMost('sample ratio, false alarms', sampleRatio, '%', 0.2),
      atMost('split error', split['split error, points'], 'points', 0.1),
      atMost('users moved by growth who need not', split['moved needlessly'], 'users', 0),
      atMost('correlation of two experiments', split['correlation'], '', 0.005),
    ],
  });
};

/** What is found in a few dozen calls is drawn more often: its 95th percentile lies close to the aim, and 100 histories scatter. */
const histories = (scenario: Scenario): number => (scenario === HARM.half ? 15 : 1);

const atMost = (name: string, value: number, unit: string, aim: number): Aim => ({
  name,
  value,
  unit,
  aim,
  op: '<=',
});

/** Histories in which nothing is wrong, looked at every 200 calls: how many are rolled back all the same. */
function alarms(scenario: Scenario, histories: number, seed: number) {
  let judged = 0;
  let naive = 0;
  let naiveLooks = 0;
  for (let history = 0; history < histories; history++) {
    const release = new SimulatedRelease(scenario.weights, scenario.analysis);
    const random = seededRandom(seed * 1_000_003 + history);
    const z = new NaiveZ();
    let rolledBack = false;
    let zAlarm = false;
    for (let i = 1; i <= CALLS_MAX; i++) {
      const call = scenario.call(release, random, history);
      release.call(call);
      z.call(call.arm, call.failed);
      if (i % LOOK_EVERY > 0) continue;
      rolledBack ||= release.look().verdict === 'fail';
      zAlarm ||= z.alarm;
      naiveLooks++;
    }
    if (rolledBack) judged++;
    if (zAlarm) naive++;
  }
  return {
    scenario: scenario.name,
    histories,
    looks: naiveLooks / histories,
    'rolled back %': round((100 * judged) / histories),
    'naive z-test %': round((100 * naive) / histories),
  };
}

/** Histories in which something is: how many calls until the verdict. */
function detections(scenario: Scenario, histories: number, seed: number) {
  const calls: number[] = [];
  const canary: number[] = [];
  for (let history = 0; history < histories; history++) {
    const release = new SimulatedRelease(scenario.weights, scenario.analysis);
    const random = seededRandom(seed * 1_000_003 + history);
    let ofCanary = 0;
    for (let i = 1; i <= CALLS_MAX; i++) {
      const call = scenario.call(release, random, history);
      release.call(call);
      if (call.arm === 'canary') ofCanary++;
      if (i % LOOK_EVERY_FOUND > 0 || release.look(10).verdict !== 'fail') continue;
      calls.push(i);
      canary.push(ofCanary);
      break;
    }
  }
  const missed = Array.from({ length: histories - calls.length }, () => CALLS_MAX);
  return {
    scenario: scenario.name,
    histories,
    'median calls': percentile([...calls, ...missed], 0.5),
    'p95 calls': percentile([...calls, ...missed], 0.95),
    'median of canary': percentile(canary, 0.5),
    'p95 of canary': percentile(canary, 0.95),
    missed: missed.length,
  };
}

/** Sound experiments with two to four arms, looked at every 500 users: how many raise the alarm. */
function sampleRatioAlarms(histories: number, seed: number): number {
  const random = seededRandom(seed);
  const splits = [
    [5_000, 5_000],
    [9_500, 500],
    [4_000, 3_000, 3_000],
    [2_500, 2_500, 2_500, 2_500],
  ];
  let alarms = 0;
  for (let history = 0; history < histories; history++) {
    const weights = splits[history % splits.length] as number[];
    const arms = weights.map((weight) => ({ weight, count: 0 }));
    for (let users = 1; users <= 10_000; users++) {
      let left = random() * WEIGHT_TOTAL;
      const arm = arms.find(({ weight }) => (left -= weight) < 0);
      if (arm) arm.count++;
      if (users % 500 > 0 || lnSampleRatio(arms) < Math.log(SAMPLE_RATIO_ALARM)) continue;
      alarms++;
      break;
    }
  }
  return round((100 * alarms) / histories);
}

/** How exactly users fall on arms, who moves when a canary grows from 1 to 50 %, and whether two experiments see the same users. */
function assignment(users: number) {
  const weights = [1, 100, 500, 1_000, 2_500, 5_000];
  const buckets = (salt: string) => Array.from({ length: users }, (_, i) => bucketOf(salt, `user-${i}`));
  const [ours, theirs] = [buckets('release-stats'), buckets('another')];
  const onCanary = (weight: number, of: readonly number[]) => {
    const record = splitRecord(weight);
    return of.map((bucket) => variantOf(record, bucket).label === 'canary');
  };
  let error = 0;
  let needlessly = 0;
  let before: readonly boolean[] = [];
  for (const weight of weights) {
    const now = onCanary(weight, ours);
    const share = now.filter(Boolean).length / users;
    error = Math.max(error, Math.abs(share - weight / WEIGHT_TOTAL) * 100);
    // Growth only ever takes users from stable to the canary; who has left the canary was moved for nothing.
    needlessly += before.filter((was, i) => was && !now[i]).length;
    before = now;
  }
  return {
    'split error, points': round(error),
    'moved needlessly': needlessly,
    correlation: round(Math.abs(correlation(onCanary(5_000, ours), onCanary(5_000, theirs)))),
  };
}

function correlation(a: readonly boolean[], b: readonly boolean[]): number {
  const share = (of: readonly boolean[]) => of.filter(Boolean).length / of.length;
  const [pa, pb] = [share(a), share(b)];
  const both = a.filter((one, i) => one && b[i]).length / a.length;
  return (both - pa * pb) / Math.sqrt(pa * (1 - pa) * pb * (1 - pb));
}

function splitRecord(canary: number): EndpointRecord {
  return {
    name: 'split',
    model: 'split',
    variants: [
      { version: 'a', label: 'stable', weight: WEIGHT_TOTAL - canary },
      { version: 'b', label: 'canary', weight: canary },
    ],
    salt: 'split',
    assignment: 'user',
    replicasPerRegion: 1,
    timeoutMs: 1_000,
    updatedAt: '2026-01-01T00:00:00.000Z',
  };
}

const mapValues = <K extends string, V, W>(of: Readonly<Record<K, V>>, map: (value: V) => W): Record<K, W> =>
  Object.fromEntries(Object.entries<V>(of).map(([key, value]) => [key, map(value)])) as Record<K, W>;
