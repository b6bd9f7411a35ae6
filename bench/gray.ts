// One of four shards turns twenty times slower and nobody says so: how much of the traffic it still gets, what the fleet's latency does,
// how many requests are hedged, and whether it gets its share back. Real engines; the slow one is stopped and continued in slices.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type DrillMesh, startMesh } from '../chaos-tests/harness.js';
import { encodeInferRequest } from '../contracts/infer-body.js';
import { RESOURCES } from '../contracts/manifest.js';
import { replicaId } from '../contracts/names.js';
import { seededRandom } from '../services/mesh/random.js';
import { ocrClassifier } from '../services/onnx/testing/real-models.js';
import { metric, shardsOf } from './load/mesh-figures.js';
import { type Ended, latencies, NatsCaller, tally } from './load/nats-caller.js';
import { type Aim, type Benchmark, type BenchOptions, percentile, round } from './report.js';

const ENDPOINT = 'angle';
const SHARDS = 4;
const TIMES = 20;
const SHAPE = [1, 3, 48, 96];
const TIMEOUT_MS = 2_000;
/** Seconds in each state; requests a second that leave the machine half idle. */
const FORMS = {
  ci: { well: 1, slow: 3, again: 1, perSecond: 40 },
  quick: { well: 8, slow: 14, again: 20, perSecond: 60 },
  full: { well: 30, slow: 60, again: 60, perSecond: 60 },
} as const;
const DETECTED_WITHIN_MS = 2_000;
/** Of the time after, when it should have its share again. */
const LAST_SHARE = 0.4;

export const benchmark: Benchmark = async ({ form, seed }: BenchOptions) => {
  const { well, slow, again, perSecond } = FORMS[form];
  await using mesh = await startMesh({ regions: ['east'], shardsPerRegion: SHARDS });
  await publish(mesh);
  const nc = await mesh.nats('operator');
  let brake: ChildProcess | undefined;
  try {
    const random = seededRandom(seed);
    const data = Float32Array.from({ length: SHAPE.reduce((a, b) => a * b) }, () => 2 * random() - 1);
    const body = encodeInferRequest({
      parameters: {},
      inputs: [{ name: 'x', datatype: 'FP32', shape: SHAPE, data }],
      binaryOutput: true,
    });
    const caller = new NatsCaller(nc, ENDPOINT, body, TIMEOUT_MS, random);
    await caller.open(perSecond, 1_000); // warm: compiled code, latencies to hedge by
    const healthy = await caller.open(perSecond, well * 1_000);

    const sick = shardsOf(mesh)[0] as string;
    const hedgesBefore = await metric(mesh, 'massif_extra_attempts_total', { kind: 'hedge' });
    brake = await slowDown(mesh.enginePids(sick)[0] as number);
    const slowFromMs = performance.now();
    const ill = await caller.open(perSecond, slow * 1_000);
    const hedges = (await metric(mesh, 'massif_extra_attempts_total', { kind: 'hedge' })) - hedgesBefore;
    await release(brake);
    const later = await caller.open(perSecond, again * 1_000);

    const known = ill.filter(({ sentMs }) => sentMs > slowFromMs + DETECTED_WITHIN_MS);
    const end = later.slice(Math.floor(later.length * (1 - LAST_SHARE)));
    const results = {
      healthyMs: summary(healthy),
      firstTwoSecondsMs: summary(ill.filter((one) => !known.includes(one))),
      afterTwoSecondsMs: summary(known),
      shareHealthy: share(healthy, sick, await version(mesh)),
      shareSlow: share(known, sick, await version(mesh)),
      shareAgain: share(end, sick, await version(mesh)),
      hedges: hedges / Math.max(1, ill.length),
      codes: tally([...healthy, ...ill, ...later]),
    };
    console.dir(results, { depth: 3 });
    return { results, aims: aimsOf(results) };
  } finally {
    if (brake) await release(brake);
    await nc.close();
  }
};

async function publish(mesh: DrillMesh): Promise<void> {
  const card = {
    licence: 'Apache-2.0',
    description: 'Tells lines that stand on their head.',
    warmDims: { 'x:0': SHAPE[0], 'x:2': SHAPE[2], 'x:3': SHAPE[3] },
  };
  const files = [
    { name: RESOURCES.model, bytes: ocrClassifier() },
    { name: RESOURCES.card, bytes: new TextEncoder().encode(JSON.stringify(card)) },
  ];
  await mesh.publish(ENDPOINT, files, SHARDS);
  await using client = await mesh.client({ mode: 'routed' });
  const spec = { endpoint: ENDPOINT, model: ENDPOINT, replicasPerRegion: SHARDS, timeoutMs: TIMEOUT_MS };
  await client.registry.deploy({ ...spec, hedgeAfterMs: 'auto' });
  await mesh.settled(ENDPOINT);
}

async function version(mesh: DrillMesh): Promise<string> {
  await using client = await mesh.client({ mode: 'routed' });
  const record = (await client.registry.endpoints()).find(({ name }) => name === ENDPOINT);
  return record?.variants[0]?.version ?? '';
}

async function slowDown(pid: number): Promise<ChildProcess> {
  const brake = fork(join(import.meta.dirname, 'peers', 'slow-down.js'), [String(pid), String(TIMES)]);
  await once(brake, 'message');
  return brake;
}

async function release(brake: ChildProcess): Promise<void> {
  if (brake.exitCode !== null || brake.signalCode !== null) return;
  brake.kill('SIGTERM');
  await once(brake, 'exit');
}

/** Of what one shard would have of the answers if all had the same. */
function share(ended: readonly Ended[], shard: string, digest: string): number {
  const answered = ended.filter(({ replica }) => replica !== '');
  const its = answered.filter(({ replica }) => replica === replicaId(shard, digest));
  return round((its.length / Math.max(1, answered.length)) * SHARDS);
}

const summary = (ended: readonly Ended[]) => ({
  n: ended.length,
  p50: round(percentile(latencies(ended), 0.5)),
  p99: round(percentile(latencies(ended), 0.99)),
});

interface Results {
  readonly healthyMs: { readonly p99: number };
  readonly afterTwoSecondsMs: { readonly p99: number };
  readonly shareSlow: number;
  readonly shareAgain: number;
  readonly hedges: number;
}

const aimsOf = (results: Results): Aim[] => [
  {
    name: 'share of the slow shard after 2 s, of fair',
    value: results.shareSlow,
    unit: '',
    aim: 0.05,
    op: '<=',
  },
  {
    name: 'p99 of the fleet after 2 s, of healthy',
    value: results.afterTwoSecondsMs.p99 / results.healthyMs.p99,
    unit: 'x',
    aim: 1.5,
    op: '<=',
  },
  { name: 'hedged', value: results.hedges, unit: '', aim: 0.02, op: '<=' },
  { name: 'share when it is well again, of fair', value: results.shareAgain, unit: '', aim: 0.5, op: '>=' },
];
