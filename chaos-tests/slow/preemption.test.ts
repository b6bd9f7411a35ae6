// A training job has the only node of a pool when callers come: serving takes the node, the job saves and waits, goes on when the callers
// have gone, and ends with the same bytes as one that nobody disturbed.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MassifClient } from '../../client/mod.js';
import { ScalingReply } from '../../contracts/scaling.js';
import { subjects } from '../../contracts/subjects.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { clientCall } from '../callers.js';
import { type DrillMesh, eventually, startMesh } from '../harness.js';
import { type Question, questions } from '../questions.js';
import { Trainings } from '../trainings.js';

const ENDPOINT = 'crowded';
const LIMIT_MS = 280_000;
/** Some seconds: longer than a burst takes to be noticed. */
const EPOCHS = 500;
// The tight objective makes joint runs no substitute for replicas, so that callers at once need more than the one shard there is.
// When they have gone it sleeps, and gives the node back.
const SCALING = { minReplicas: 0, maxReplicas: 2, slowdownMax: 1.5, idleMs: 3_000 };
const ASK = { timeoutMs: 10_000 };
let mesh: DrillMesh;
let client: MassifClient;
let trainings: Trainings;

beforeAll(async () => {
  const poolEnv = { MASSIF_JOBS: 'pools', MASSIF_TRAINER_NICENESS: '0' };
  mesh = await startMesh({ regions: ['east'], pool: { processes: 1, lingerMs: 300 }, poolEnv });
  client = await mesh.client();
  trainings = await Trainings.on(mesh, LIMIT_MS / 2);
}, LIMIT_MS);
afterAll(async () => {
  await trainings[Symbol.asyncDispose]();
  await client.close();
  await mesh[Symbol.asyncDispose]();
}, LIMIT_MS);

test(
  'a burst of callers takes the only node from a training job, which goes on later and ends with the same bytes',
  async () => {
    const calm = await trainings.submit('calm', 'lab', EPOCHS);
    expect(calm).toMatchObject({ runsOn: 'pools', terms: { tenant: 'lab', priority: 3 } });
    await publish();
    await trainings.until(calm.id, 'is done', ({ state }) => state === 'done');

    const { id } = await trainings.submit('disturbed', 'lab', EPOCHS);
    await trainings.until(id, 'is at work', ({ progress }) => (progress?.step ?? 0) > 30);
    const asked = await questions(mlp(1, 4_096), 4);
    const question = (n: number): Question => asked[n % asked.length] as Question;
    const call = clientCall(client, { endpoint: ENDPOINT, timeoutMs: 15_000, question });
    const over = new AbortController();
    let answered = 0;
    const callers = Array.from({ length: 6 }, async (_, caller) => {
      for (let n = 0; !over.signal.aborted; n++, answered++) await call(`burst-${caller}-${n}`, n);
    });
    const waiting = await trainings.until(id, 'was preempted', ({ preempted }) => (preempted ?? 0) > 0);
    expect(waiting).toMatchObject({ state: 'queued', preempted: 1 });
    expect(waiting.checkpointStep).toBeGreaterThan(30);
    await waitUntil('a shard of the pool serves', () => served() === 1, LIMIT_MS);
    const { schedule } = await trainings.bus.request(subjects.scaling(), ScalingReply, {}, ASK);
    expect(schedule).toMatchObject({
      pools: [{ name: 'process', shards: 1, jobs: 0 }],
      jobs: [{ id, tenant: 'lab', state: 'waiting', why: 'process: no node is free' }],
      preemptions: [{ job: id, why: `${ENDPOINT} needs its node` }],
    });
    over.abort();
    await Promise.all(callers);
    expect(answered).toBeGreaterThan(0);

    const done = await trainings.until(id, 'is done', ({ state }) => state === 'done');
    expect(done.attempts).toBe(2);
    expect(await trainings.digest(id)).toBe(await trainings.digest(calm.id));
  },
  LIMIT_MS,
);

const served = (): number =>
  mesh
    .heard()
    .filter(
      ({ shard, replicas }) => shard.startsWith('pool-') && replicas.some(({ state }) => state === 'ready'),
    ).length;

async function publish(): Promise<void> {
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  const options = { model: ENDPOINT, label: '1', privateKeyPem, aliases: ['stable'] };
  const files = [{ name: 'model.onnx', bytes: mlp(1, 4_096) }];
  await eventually('the registry takes a push', () => client.registry.push(files, options));
  await client.registry.deploy({
    endpoint: ENDPOINT,
    model: ENDPOINT,
    timeoutMs: 15_000,
    scaling: SCALING,
  });
}
