// The host with real engines over a real bus: what is placed is served, and what breaks comes back.
import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import { HEARTBEAT_MS } from '../../contracts/heartbeat.js';
import type { Tensor } from '../../contracts/tensor.js';
import { oldSpaceFloor } from '../mesh/old-space-floor.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { identity } from '../onnx/testing/identity.js';
import { mlp } from '../onnx/testing/mlp.js';
import { slow } from '../onnx/testing/slow.js';
import { CROWD } from './engine-choice.js';
import { HostedShard } from './testing/hosted-shard.js';
import { type SignedVersion, signedVersion } from './testing/signed-version.js';

let mesh: HostedShard;
beforeAll(async () => {
  mesh = await HostedShard.start();
}, 30_000);
afterAll(() => mesh[Symbol.asyncDispose]());

const x: Tensor = { name: 'x', datatype: 'FP32', shape: [2], data: Float32Array.of(1, 2) };
const trips = (n: number): Tensor => ({
  name: 'n',
  datatype: 'INT64',
  shape: [],
  data: BigInt64Array.of(BigInt(n)),
});
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('a placed version is announced when it is reachable, and answers; taken away, it is gone', async () => {
  const version = signedVersion(identity(), { model: 'mirror' });
  await mesh.serve(version);
  expect((await mesh.call(version, [x])).response?.outputs[0]).toMatchObject({ data: x.data });
  await mesh.place();
  await mesh.until(version, 'gone');
  await expect(mesh.call(version, [x])).rejects.toThrow(/no responders/i);
});

test('an engine looks through all of its heap for what grows, not for bodies that pass', async () => {
  const version = signedVersion(identity(), { model: 'floor' });
  await mesh.serve(version);
  const started = (await readFile(`/proc/${mesh.pidOf(version)}/cmdline`, 'utf8')).split('\0');
  expect(started).toContain(oldSpaceFloor(64));
  await mesh.place();
  await mesh.until(version, 'gone');
});

test('small models of one trust group share an engine, others have their own', async () => {
  const a = signedVersion(identity(), { model: 'a' });
  const b = signedVersion(mlp(1), { model: 'b' });
  const c = signedVersion(mlp(2), { model: 'c', card: { trustGroup: 'others' } });
  const d = signedVersion(mlp(3), { model: 'd', card: { ownEngine: true } });
  await mesh.serve(a, b, c, d);
  const pids = [a, b, c, d].map((version) => mesh.pidOf(version));
  expect(pids[0]).toBe(pids[1]);
  expect(new Set(pids).size).toBe(3);
  await mesh.place();
  await mesh.until(d, 'gone');
});

test('an engine that is killed is replaced, and what it served comes back with another epoch', async () => {
  const a = signedVersion(identity(), { model: 'a' });
  const b = signedVersion(mlp(1), { model: 'b' });
  await mesh.serve(a, b);
  const [pid, epoch] = [mesh.pidOf(a), mesh.replica(a)?.epoch ?? 0];
  process.kill(pid, 'SIGKILL');
  await waitUntil('another engine has both', () =>
    [a, b].every((one) => mesh.replica(one)?.state === 'ready' && ![0, pid].includes(mesh.pidOf(one))),
  );
  expect(mesh.replica(a)?.epoch).toBeGreaterThan(epoch);
  expect((await mesh.call(a, [x])).code).toBe('OK');
  await mesh.place();
  await mesh.until(b, 'gone');
});

test('the host answers while a run takes its seconds, and a stuck engine is killed and replaced', async () => {
  const version = signedVersion(slow(), { model: 'slow', card: { runLimitMs: 1_500, ownEngine: true } });
  await mesh.serve(version);
  const pid = mesh.pidOf(version);
  const before = mesh.beats.length;
  const lost = mesh.call(version, [trips(1e9)], 30_000).catch(() => 'lost');
  await waitUntil('the engine is killed', () => !alive(pid));
  // It beat all the while: a run of the limit is some beats long.
  expect(mesh.beats.length - before).toBeGreaterThanOrEqual(Math.floor(1_500 / HEARTBEAT_MS));
  await waitUntil(
    'another engine serves it',
    () => mesh.replica(version)?.state === 'ready' && ![0, pid].includes(mesh.pidOf(version)),
  );
  expect((await mesh.call(version, [trips(1)])).code).toBe('OK');
  await mesh.place();
  await mesh.until(version, 'gone');
  void lost;
});

test('who hangs a shared engine is alone from then on, and out after the third time; neighbours stay', async () => {
  const good = signedVersion(identity(), { model: 'good' });
  const bad = signedVersion(slow(), { model: 'bad', card: { runLimitMs: 600 } });
  await mesh.serve(good, bad);
  expect(mesh.pidOf(good)).toBe(mesh.pidOf(bad));
  for (let time = 1; time <= 3; time++) {
    const pid = mesh.pidOf(bad);
    void mesh.call(bad, [trips(1e9)], 60_000).catch(() => undefined);
    await waitUntil('the engine is killed', () => !alive(pid));
    await mesh.until(good, 'ready');
    if (time < 3) {
      await waitUntil('it is back', () => mesh.replica(bad)?.state === 'ready' && mesh.pidOf(bad) !== pid);
      expect(mesh.pidOf(bad)).not.toBe(mesh.pidOf(good));
    }
  }
  await mesh.until(bad, 'failed');
  expect(mesh.replica(bad)?.reason).toMatch(/ended/);
  expect((await mesh.call(good, [x])).code).toBe('OK');
  await mesh.place();
  await mesh.until(good, 'gone');
}, 60_000);

test('what is unsigned, signed by a stranger or tampered with in the store never runs, and says why', async () => {
  const stranger = signedVersion(mlp(5), { model: 'stranger', strangerKey: true });
  const tampered = signedVersion(mlp(6), { model: 'tampered' });
  const digest = tampered.record.resources.find(({ name }) => name === 'model.onnx')?.digest ?? '';
  const bytes = Buffer.from(tampered.resources.get(digest) ?? []);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await mesh.publish(stranger);
  await mesh.publish({ ...tampered, resources: new Map(tampered.resources).set(digest, bytes) });
  await mesh.place(stranger, tampered);
  await mesh.until(stranger, 'failed');
  expect(mesh.replica(stranger)?.reason).toMatch(/key/);
  await waitUntil('the store is blamed', () =>
    mesh.replica(tampered)?.reason?.includes('not what was signed'),
  );
  for (const version of [stranger, tampered])
    await expect(mesh.call(version, [x])).rejects.toThrow(/no responders/i);
  // The right bytes come: it heals by itself.
  const store = await mesh.bus.object(buckets.artifacts('east'));
  await store.putBlob({ name: digest }, tampered.resources.get(digest) ?? new Uint8Array());
  await mesh.until(tampered, 'ready');
  await mesh.place();
  await mesh.until(tampered, 'gone');
});

test('a damaged file in the cache is not loaded: it is fetched again, by the next life as well', async () => {
  const version = signedVersion(mlp(7), { model: 'cached' });
  await mesh.serve(version);
  await mesh.stopHost();
  const digest = version.record.resources.find(({ name }) => name === 'model.onnx')?.digest ?? '';
  const file = join(mesh.dataDir, 'artifacts', digest);
  await chmod(file, 0o600);
  await writeFile(file, Buffer.from(version.resources.get(digest) ?? []).fill(0, 50, 60));
  await mesh.startHost();
  await mesh.until(version, 'ready');
  // And with the store gone, the disk is enough.
  await mesh.stopHost();
  const store = await mesh.bus.object(buckets.artifacts('east'));
  await store.delete(digest);
  await mesh.startHost();
  await mesh.until(version, 'ready');
  await mesh.place();
  await mesh.until(version, 'gone');
}, 60_000);

test('recycling moves replicas to a fresh process without a failed call', async () => {
  const version = signedVersion(mlp(8), { model: 'moved' });
  await mesh.serve(version);
  const pid = mesh.pidOf(version);
  const image: Tensor = { name: 'x', datatype: 'FP32', shape: [1, 784], data: new Float32Array(784) };
  let calls = 0;
  let stop = false;
  const caller = (async () => {
    const codes = new Set<string>();
    while (!stop) {
      codes.add((await mesh.call(version, [image])).code);
      calls++;
    }
    return codes;
  })();
  await waitUntil('calls are answered', () => calls > 10);
  expect(mesh.host.recycle(pid)).toEqual([pid]);
  await waitUntil('the old process has ended', () => !alive(pid));
  const before = calls;
  await waitUntil('calls go on', () => calls > before + 10);
  stop = true;
  expect(await caller).toEqual(new Set(['OK']));
  await mesh.place();
  await mesh.until(version, 'gone');
});

test('a file that was changed on the disk since it was checked is fetched anew when its version comes back', async () => {
  const version = signedVersion(mlp(7), { model: 'back' });
  await mesh.serve(version);
  await mesh.place();
  await mesh.until(version, 'gone');
  const file = version.record.resources.find(({ name }) => name === 'model.onnx');
  const path = join(mesh.dataDir, 'artifacts', file?.digest ?? '');
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
  await chmod(path, 0o600);
  await writeFile(path, bytes);
  await mesh.place(version);
  await mesh.until(version, 'ready');
  expect(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  ).toBe(file?.digest);
  await mesh.place();
  await mesh.until(version, 'gone');
});

test('a version that comes back is loaded from the graph that was prepared, if that is still what was written', async () => {
  const version = signedVersion(mlp(30, 512), { model: 'prepared' });
  const image: Tensor = {
    name: 'x',
    datatype: 'FP32',
    shape: [1, 784],
    data: new Float32Array(784).fill(0.5),
  };
  const answer = async () => (await mesh.call(version, [image])).response?.outputs[0]?.data;
  const again = async (): Promise<void> => {
    await mesh.place();
    await mesh.until(version, 'gone');
    await mesh.place(version);
    await mesh.until(version, 'ready');
  };
  await mesh.serve(version);
  const first = await answer();
  const dir = join(mesh.dataDir, 'prepared');
  const files = () => readdir(dir);
  expect(await files()).toHaveLength(1);
  await again();
  expect(await answer()).toEqual(first);
  // It was taken, not written anew.
  const [file = ''] = await files();
  expect(file).toBe(`${version.record.digest}.1`);
  await writeFile(join(dir, file), 'somebody was here');
  await again();
  expect(await answer()).toEqual(first);
  await mesh.place();
  await mesh.until(version, 'gone');
});

test('a replica that becomes hot leaves an engine of many, and no load comes to it any more', async () => {
  const many = Array.from({ length: CROWD }, (_, i) => signedVersion(mlp(20 + i), { model: `many-${i}` }));
  const [hot] = many as [SignedVersion];
  await mesh.serve(...many);
  const before = mesh.pidOf(hot);
  expect(many.every((version) => mesh.pidOf(version) === before)).toBe(true);
  const input = { name: 'x', datatype: 'FP32', shape: [1, 784], data: new Float32Array(784) } as const;
  await waitUntil(
    'it has moved',
    async () => {
      await Promise.all(Array.from({ length: 5 }, () => mesh.call(hot, [input])));
      return ![0, before].includes(mesh.pidOf(hot)) && mesh.replica(hot)?.state === 'ready';
    },
    30_000,
  );
  const later = signedVersion(mlp(40), { model: 'later' });
  await mesh.publish(later);
  await mesh.place(...many, later);
  await mesh.until(later, 'ready');
  expect(mesh.pidOf(later)).toBe(before);
  await mesh.place();
  await mesh.until(later, 'gone');
  await mesh.until(hot, 'gone');
});

test('a host is not held up by a run without end', async () => {
  const version = signedVersion(slow(), { model: 'endless' });
  await mesh.serve(version);
  const pid = mesh.pidOf(version);
  void mesh.call(version, [trips(1e9)], 60_000).catch(() => undefined);
  await mesh.stopHost();
  await waitUntil('the engine has ended', () => !alive(pid));
  await mesh.startHost();
  await mesh.place();
});

test('engines end with their host, and leave nothing', async () => {
  await mesh.serve(signedVersion(mlp(9), { model: 'last' }));
  // The next spare comes a moment after the load that took the last one.
  await waitUntil('there is a spare', () => mesh.latest?.engines.some(({ state }) => state === 'spare'));
  const pids = (mesh.latest?.engines ?? []).map(({ pid }) => pid);
  expect(pids.length).toBeGreaterThanOrEqual(2);
  await mesh.stopHost();
  for (const pid of pids) await waitUntil(`engine ${pid} has ended`, () => !alive(pid));
  expect((await readdir(join(mesh.dataDir, 'engines'))).filter((name) => name !== 'empty')).toEqual([]);
  await rm(mesh.dataDir, { recursive: true });
});
