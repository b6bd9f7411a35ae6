// What being audited costs, and how fast it acts: observing on against off in one run, verification, a version killed in the middle of an
// inference, alerts, the auditor away at full load, and the log (bench audit-log, whose figures are gathered here).
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type DrillMesh, startMesh } from '../chaos-tests/harness.js';
import { questions } from '../chaos-tests/questions.js';
import { seededRandom } from '../services/mesh/random.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { alarms } from './audit/alarms.js';
import { outage } from './audit/outage.js';
import { askerOf, costOf, overhead, type OverheadForm, type Seen } from './audit/overhead.js';
import { SHARDS, termination } from './audit/termination.js';
import { verification } from './audit/verification.js';
import { benchmark as auditLog } from './audit-log.js';
import type { Call } from './load/closed-loop.js';
import type { Aim, Benchmark, BenchOptions } from './report.js';

const MODEL = 'mlp';
const PAIR = ['shard-east-1', 'shard-east-2'] as const;
const FORMS = {
  ci: { rounds: 1, seconds: 0.2, kills: 1, verify: 5, largeMib: 32, owners: 5, away: 1 },
  quick: { rounds: 6, seconds: 0.7, kills: 4, verify: 20, largeMib: 256, owners: 40, away: 5 },
  full: { rounds: 30, seconds: 1, kills: 100, verify: 50, largeMib: 1_024, owners: 200, away: 60 },
} as const;

export const benchmark: Benchmark = async (options: BenchOptions) => {
  const { form, seed } = options;
  const sizes = FORMS[form];
  const verified = await verification({ times: sizes.verify, largeMib: sizes.largeMib });
  const told = await alarms(sizes.owners, seededRandom(seed));
  const live = await onMesh(options);
  const log = form === 'ci' ? { results: {}, aims: [] } : await auditLog(options);
  const { cost, ended, away } = live;
  const aim = (name: string, value: number, unit: string, limit: number, op: Aim['op'] = '<='): Aim => ({
    name,
    value,
    unit,
    aim: limit,
    op,
  });
  return {
    results: { verified, told, ...live, log: log.results },
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
      ...log.aims,
    ],
  };
};

async function onMesh({ form, seed }: BenchOptions) {
  const sizes = FORMS[form];
  const rounds = Math.ceil(sizes.rounds / 2);
  // That it runs is shown by one of the two.
  const roles = form === 'ci' ? [PAIR[1]] : [PAIR[1], PAIR[0]];
  const seen: Seen[] = [];
  for (const off of roles) seen.push(await observed({ seed, seconds: sizes.seconds, rounds, off }));
  await using mesh = await startMesh({ ...SHAPE, shardsPerRegion: SHARDS });
  const nc = await connect({ servers: mesh.natsUrls[0] ?? '', noAsyncTraces: true });
  try {
    // Alone on the mesh first: in an engine that it shares its neighbours would move away before it is killed.
    const ended = await termination(mesh, nc, sizes.kills);
    const call = await publishedOn(mesh, nc, seed, SHARDS);
    const away = await outage({
      ...{ mesh, nc, call: call(PAIR[0]), shard: PAIR[0] },
      ...{ model: MODEL, seconds: sizes.away },
    });
    return { ended, cost: costOf(seen), away };
  } finally {
    await nc.close();
  }
}

const SHAPE = { regions: ['east'], apart: true, development: true };

/** One of the pair tells the auditor nothing. */
async function observed({
  seed,
  off,
  ...form
}: { seed: number; off: (typeof PAIR)[number] } & OverheadForm): Promise<Seen> {
  await using mesh = await startMesh({
    ...SHAPE,
    shardsPerRegion: PAIR.length,
    env: { [off]: { MASSIF_SHARD_OBSERVE: 'off' } },
  });
  const nc = await connect({ servers: mesh.natsUrls[0] ?? '', noAsyncTraces: true });
  try {
    const call = await publishedOn(mesh, nc, seed, PAIR.length);
    const on = PAIR.find((shard) => shard !== off) ?? off;
    return await overhead({ on: call(on), off: call(off) }, form);
  } finally {
    await nc.close();
  }
}

/** The model on every shard, and how each of them is asked. */
async function publishedOn(
  mesh: DrillMesh,
  nc: NatsConnection,
  seed: number,
  shards: number,
): Promise<(shard: string) => Call> {
  const model = mlp(seed);
  await mesh.publish(MODEL, [{ name: 'model.onnx', bytes: model }], shards);
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
