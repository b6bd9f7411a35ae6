// What being audited costs, and how fast it acts: observing on against off in one run, verification, a version killed in the middle of an
// inference, alerts, the auditor away at full load, and the log (bench audit-log, whose figures are gathered here).
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type DrillMesh, startMesh } from '../chaos-tests/harness.js';
import { questions } from '../chaos-tests/questions.js';
import { seededRandom } from '../services/mesh/random.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { alarms } from './audit/alarms.js';
import { outage } from './audit/outage.js';
import { askerOf, costOf, overhead, type Seen, type Watched } from './audit/overhead.js';
import { termination } from './audit/termination.js';
import { verification } from './audit/verification.js';
import { benchmark as auditLog } from './audit-log.js';
import type { Call } from './load/closed-loop.js';
import type { Aim, Benchmark, BenchOptions } from './report.js';

const MODEL = 'mlp';
const PAIR = ['shard-east-1', 'shard-east-2'] as const;
const FORMS = {
  ci: { meshes: 1, rounds: 1, seconds: 0.2, kills: 1, verify: 5, largeMib: 32, owners: 5, away: 1 },
  quick: { meshes: 2, rounds: 3, seconds: 0.7, kills: 4, verify: 20, largeMib: 256, owners: 40, away: 5 },
  full: { meshes: 4, rounds: 7, seconds: 1, kills: 100, verify: 50, largeMib: 1_024, owners: 200, away: 60 },
} as const;

export const benchmark: Benchmark = async (options: BenchOptions) => {
  const { form, seed, log } = options;
  const sizes = FORMS[form];
  log('verification');
  const verified = await verification({ times: sizes.verify, largeMib: sizes.largeMib });
  log('alarms');
  const told = await alarms(sizes.owners, seededRandom(seed));
  const live = await onMesh(options);
  if (form !== 'ci') log('the log');
  const kept = form === 'ci' ? { results: {}, aims: [] } : await auditLog(options);
  const { cost, ended, away } = live;
  const aim = (name: string, value: number, unit: string, limit: number, op: Aim['op'] = '<='): Aim => ({
    name,
    value,
    unit,
    aim: limit,
    op,
  });
  return {
    results: { verified, told, ...live, log: kept.results },
    aims: [
      aim('observed against not: p50', cost.percent.p50, '%', 3),
      aim('observed against not: p99', cost.percent.p99, '%', 5),
      aim('observed against not: throughput', cost.percent.throughput, '%', -5, '>='),
      aim('verification of weights', verified.secondsPerGib, 's per GiB', 1),
      aim(
        `verification of ${(verified.smallBytes / 1e6).toFixed(0)} MB, scan included`,
        verified.smallMs,
        'ms',
        50,
      ),
      aim('decision to dead process, mid-inference, p99', ended.deadMs.p99, 'ms', 100),
      aim('dead within 100 ms', ended.within100Ms, `of ${ended.kills}`, ended.kills, '>='),
      aim('decision to an answer of the last good version, slowest', ended.lastGoodMs.max, 'ms', 2_000),
      aim('decision to webhook, p95', told.webhookMs.p95, 'ms', 1_000),
      aim('notifications of 1,000 alarms at once', told.together.notifications, '', 3),
      aim(`failed requests, auditor away for ${away.seconds} s`, away.failed, `of ${away.answered}`, 0),
      aim('answers that it counted wrongly afterwards', away.miscounted, `of ${away.counted}`, 0),
      ...kept.aims,
    ],
  };
};

async function onMesh({ form, seed, log }: BenchOptions) {
  const { meshes, rounds, seconds, kills, away } = FORMS[form];
  const seen: Seen[] = [];
  const compare = async (mesh: number, asked: Watched<Call>): Promise<void> => {
    log(`observed against not, mesh ${mesh} of ${meshes}`);
    seen.push(await overhead(asked, { rounds, seconds }));
  };
  for (let left = meshes - 1; left > 0; left--)
    await onPair(seed, PAIR[left % 2 === 0 ? 1 : 0], ({ asked }) => compare(meshes - left, asked));
  return onPair(seed, PAIR[1], async ({ mesh, nc, asked }) => {
    await compare(meshes, asked);
    log(`the auditor away for ${away} s`);
    const unheard = await outage({ mesh, nc, call: asked.on, shard: PAIR[0], model: MODEL, seconds: away });
    const ended = await termination(mesh, nc, kills, log);
    return { ended, cost: costOf(seen), away: unheard };
  });
}

interface Pair {
  readonly mesh: DrillMesh;
  readonly nc: NatsConnection;
  readonly asked: Watched<Call>;
}

/** A mesh of the pair with the model on both; one of them tells the auditor nothing. */
async function onPair<T>(
  seed: number,
  off: (typeof PAIR)[number],
  measure: (pair: Pair) => Promise<T>,
): Promise<T> {
  await using mesh = await startMesh({
    regions: ['east'],
    apart: true,
    development: true,
    shardsPerRegion: PAIR.length,
    env: { [off]: { MASSIF_SHARD_OBSERVE: 'off' } },
  });
  const nc = await connect({ servers: mesh.natsUrls[0] ?? '', noAsyncTraces: true });
  try {
    const call = await published(mesh, nc, seed);
    const on = PAIR.find((shard) => shard !== off) ?? off;
    return await measure({ mesh, nc, asked: { on: call(on), off: call(off) } });
  } finally {
    await nc.close();
  }
}

/** The model on every shard, and how each of them is asked. */
async function published(
  mesh: DrillMesh,
  nc: NatsConnection,
  seed: number,
): Promise<(shard: string) => Call> {
  const model = mlp(seed);
  await mesh.publish(MODEL, [{ name: 'model.onnx', bytes: model }], PAIR.length);
  const inputs = (await questions(model, 64)).map(({ input }) => input);
  // Every shard has told of its replica by then.
  await mesh.heardAgain();
  return (shard) => {
    const beat = mesh.heard().find((one) => one.shard === shard);
    const replica = beat?.replicas.find((one) => one.model === MODEL);
    if (!replica) throw new Error(`${shard} has no replica of ${MODEL}`);
    return askerOf(nc, replica.id, inputs);
  };
}
