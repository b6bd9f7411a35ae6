// What a shard says its replicas did, with real engines on a real bus: counts add up, batches show, cancelled work is never run.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { headers } from '../../contracts/headers.js';
import { encodeInferRequest } from '../../contracts/infer-body.js';
import { replicaId } from '../../contracts/names.js';
import { type ReplicaStatistics, StatisticsReply } from '../../contracts/statistics.js';
import { subjects } from '../../contracts/subjects.js';
import type { Tensor } from '../../contracts/tensor.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { mlp } from '../onnx/testing/mlp.js';
import { slow } from '../onnx/testing/slow.js';
import { HostedShard } from './testing/hosted-shard.js';
import { signedVersion, type SignedVersion } from './testing/signed-version.js';

let mesh: HostedShard;
beforeAll(async () => {
  mesh = await HostedShard.start();
}, 30_000);
afterAll(() => mesh[Symbol.asyncDispose]());

const image = (rows: number): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [rows, 784],
  data: new Float32Array(784 * rows),
});
const trips = (n: number): Tensor => ({
  name: 'n',
  datatype: 'INT64',
  shape: [],
  data: BigInt64Array.of(BigInt(n)),
});

async function statisticsOf(version: SignedVersion): Promise<ReplicaStatistics> {
  const reply = StatisticsReply.parse(await mesh.host.statistics({ model: version.record.model }));
  const [one] = reply.replicas;
  if (one === undefined || reply.replicas.length !== 1) throw new Error('one replica is expected');
  return one;
}

test('of many versions those that are named are told', async () => {
  const [one, other] = [5, 6].map((seed) => signedVersion(mlp(seed), { model: `named-${seed}` }));
  if (!one || !other) throw new Error('there are two');
  await mesh.serve(one, other);
  const { replicas } = await mesh.host.statistics({ versions: [one.record.digest] });
  expect(replicas.map(({ version }) => version)).toEqual([one.record.digest]);
});

test('items, runs and requests are counted, with their time, and the sizes of the runs', async () => {
  const version = signedVersion(mlp(1), { model: 'counted' });
  await mesh.serve(version);
  await Promise.all(Array.from({ length: 40 }, (_, i) => mesh.call(version, [image(1 + (i % 3))])));
  await mesh.call(version, [{ ...image(1), name: 'wrong' }]);
  const { statistics, curve, replica } = await statisticsOf(version);
  expect(replica).toBe(mesh.replica(version)?.id);
  const items = Array.from({ length: 40 }, (_, i) => 1 + (i % 3)).reduce((sum, rows) => sum + rows, 0);
  expect(statistics.inference_count).toBe(items);
  expect(statistics.execution_count).toBeLessThanOrEqual(40);
  const { success, fail, queue, compute_input, compute_infer, compute_output } = statistics.inference_stats;
  for (const { count } of [success, queue, compute_input, compute_infer, compute_output])
    expect(count).toBe(40);
  expect(fail.count).toBe(1);
  expect(success.ns).toBeGreaterThan(compute_infer.ns / 2);
  expect(compute_infer.ns).toBeGreaterThan(0);
  const runs = statistics.batch_stats.reduce((sum, size) => sum + size.compute_infer.count, 0);
  expect(runs).toBe(statistics.execution_count);
  expect(statistics.last_inference).toBeGreaterThan(1.6e12);
  expect(curve[0]).toMatchObject({ rows: 1 });
  for (const { run_ms, infer_ms = 0 } of curve) {
    expect(infer_ms).toBeGreaterThan(0);
    expect(run_ms).toBeGreaterThan(infer_ms);
  }
});

test('counts go on where a killed engine had them', async () => {
  const version = signedVersion(mlp(2), { model: 'killed', card: { ownEngine: true } });
  await mesh.serve(version);
  await mesh.call(version, [image(2)]);
  expect((await statisticsOf(version)).statistics.inference_count).toBe(2);
  const pid = mesh.pidOf(version);
  process.kill(pid, 'SIGKILL');
  await waitUntil('another engine has it', () => ![0, pid].includes(mesh.pidOf(version)));
  await mesh.until(version, 'ready');
  await mesh.call(version, [image(3)]);
  const { statistics } = await statisticsOf(version);
  expect([statistics.inference_count, statistics.execution_count]).toEqual([5, 2]);
});

test('a cancelled request is never run and counted; nobody else loses anything by it', async () => {
  const version = signedVersion(slow(), { model: 'cancelled' });
  await mesh.serve(version);
  const { nc } = mesh.bus;
  const replica = replicaId('shard-east-1', version.record.digest);
  const answered: string[] = [];
  nc.subscribe('_INBOX.forget.*', { callback: (_, { subject }) => void answered.push(subject) });
  const send = (name: string, n: number) => {
    const body = encodeInferRequest({ parameters: {}, inputs: [trips(n)], binaryOutput: true });
    const fields = natsHeaders();
    fields.set(headers.jsonLength, String(body.jsonLength));
    nc.publish(subjects.run(replica), body.bytes, { reply: `_INBOX.forget.${name}`, headers: fields });
  };
  const before = (await statisticsOf(version)).statistics.execution_count;
  send('busy', 500);
  for (let i = 0; i < 6; i++) send(`q${i}`, 0);
  // A run that would last for minutes: it ends this test by its time-out if it is ever begun.
  send('endless', 1e6);
  for (const name of ['q1', 'q4', 'endless', 'stranger'])
    nc.publish(subjects.cancel(replica), undefined, { reply: `_INBOX.forget.${name}` });
  await waitUntil('the others are answered', () => answered.length === 5, 20_000);
  const { statistics, scheduling } = await statisticsOf(version);
  const names = new Set(answered.map((subject) => subject.split('.').at(-1)));
  expect(names).toEqual(new Set(['busy', 'q0', 'q2', 'q3', 'q5']));
  expect(scheduling).toMatchObject({ cancelled: 3, expired: 0, hopeless: 0 });
  expect(statistics.execution_count - before).toBe(5);
});
