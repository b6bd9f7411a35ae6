// What a shard does at an order of safety, with real engines: what is withheld is placed here and does not live here.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OrderAction } from '../../contracts/override.js';
import type { Tensor } from '../../contracts/tensor.js';
import { anOrder, ofVersion } from '../mesh/testing/orders.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { identity } from '../onnx/testing/identity.js';
import { mlp } from '../onnx/testing/mlp.js';
import { slow } from '../onnx/testing/slow.js';
import { HostedShard } from './testing/hosted-shard.js';
import { signedVersion, type SignedVersion } from './testing/signed-version.js';

let mesh: HostedShard;
beforeAll(async () => {
  mesh = await HostedShard.start();
}, 30_000);
afterAll(() => mesh[Symbol.asyncDispose]());

const x: Tensor = { name: 'x', datatype: 'FP32', shape: [2], data: Float32Array.of(1, 2) };
const order = ({ record }: SignedVersion, action: OrderAction) =>
  mesh.orders.take(
    { order: anOrder({ target: ofVersion(record.digest), action }), person: 'ada' },
    Date.now(),
  );

test('a quarantined version leaves the shard, its neighbours stay, and a lift brings it back', async () => {
  const bad = signedVersion(identity(), { model: 'bad' });
  const good = signedVersion(mlp(1), { model: 'good' });
  await mesh.serve(bad, good);
  const pid = mesh.pidOf(good);
  order(bad, 'quarantine');
  await mesh.until(bad, 'gone');
  expect(mesh.replica(good)?.state).toBe('ready');
  expect(mesh.pidOf(good)).toBe(pid);
  // Placed anew, it stays away all the same.
  await mesh.place(bad, good);
  await mesh.until(good, 'ready');
  expect(mesh.replica(bad)).toBeUndefined();
  order(bad, 'lift');
  await mesh.until(bad, 'ready');
  expect((await mesh.call(bad, [x])).response?.outputs[0]).toMatchObject({ data: x.data });
}, 60_000);

test('a kill ends the engine in the middle of a run, and its neighbours live on in another', async () => {
  const busy = signedVersion(slow(), { model: 'busy' });
  const neighbour = signedVersion(identity(), { model: 'neighbour' });
  await mesh.serve(busy, neighbour);
  const pid = mesh.pidOf(busy);
  expect(mesh.pidOf(neighbour)).toBe(pid);
  const trips: Tensor = { name: 'n', datatype: 'INT64', shape: [], data: BigInt64Array.of(2_000_000_000n) };
  const call = mesh.call(busy, [trips], 60_000).catch((error: unknown) => error);
  order(busy, 'kill');
  await mesh.until(busy, 'gone');
  await waitUntil('the engine killed is gone', () =>
    mesh.latest?.engines.every((engine) => engine.pid !== pid),
  );
  await mesh.until(neighbour, 'ready');
  expect((await mesh.call(neighbour, [x])).response?.outputs[0]).toMatchObject({ data: x.data });
  order(busy, 'lift');
  await mesh.place();
  // The next test's version is the same bytes, and the same digest with them.
  await mesh.until(neighbour, 'gone');
  void call;
}, 60_000);

test('a publisher whose key is revoked loses what runs, and gets it back with the next policy', async () => {
  const version = signedVersion(identity(), { model: 'signed' });
  await mesh.serve(version);
  const before = mesh.policy;
  const [publisher] = before.publishers;
  if (!publisher) throw new Error('no publisher');
  const revokedAt = new Date(Date.now() - 1_000).toISOString();
  mesh.policy = { ...before, version: 2, publishers: [{ ...publisher, revokedAt }] };
  await mesh.until(version, 'gone');
  mesh.policy = { ...before, version: 3 };
  await mesh.until(version, 'ready');
  mesh.policy = { ...before, version: 4, approvals: [{ models: ['*'], needed: 1 }] };
  expect((await mesh.call(version, [x])).response?.outputs[0]).toMatchObject({ data: x.data });
  // Approvals are asked of what is loaded from now on.
  const late = signedVersion(mlp(1), { model: 'late' });
  await mesh.publish(late);
  await mesh.place(version, late);
  await mesh.until(late, 'failed');
  expect(mesh.replica(late)?.reason).toContain('needs 1 approval(s)');
  expect(mesh.replica(version)?.state).toBe('ready');
}, 60_000);
