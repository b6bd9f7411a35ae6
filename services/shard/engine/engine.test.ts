// The engine as a process, over a real bus, with the real runtime.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headers } from '../../../contracts/headers.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { identity } from '../../onnx/testing/identity.js';
import { mlp } from '../../onnx/testing/mlp.js';
import { slow } from '../../onnx/testing/slow.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { DrivenEngine } from '../testing/driven-engine.js';
import { signedVersion } from '../testing/signed-version.js';

let engine: DrivenEngine;
beforeAll(async () => {
  engine = await DrivenEngine.start();
}, 30_000);
afterAll(() => engine[Symbol.asyncDispose]());

const image = (value: number, rows = 1): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [rows, 784],
  data: new Float32Array(784 * rows).fill(value),
});
const floats = (...values: number[]): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const trips = (n: number): Tensor => ({
  name: 'n',
  datatype: 'INT64',
  shape: [],
  data: BigInt64Array.of(BigInt(n)),
});
const numbersOf = (tensor: Tensor | undefined): number[] => [...(tensor?.data ?? [])].map(Number);
/** About as many trips as keep the slow model busy for so long on this machine. */
async function tripsFor(replica: string, ms: number): Promise<number> {
  const startedMs = performance.now();
  await engine.call(replica, [trips(500)]);
  return Math.ceil((500 * ms) / (performance.now() - startedMs));
}

test("a loaded version answers at once, in binary and in JSON, with its name, its label and the caller's ids", async () => {
  const { replica } = await engine.load(signedVersion(identity(), { model: 'mirror', label: '1.0' }));
  const answer = await engine.call(replica, [floats(1, 2, 3)], {
    id: 'mine',
    headers: { [headers.requestId]: 'r-1', [headers.endpoint]: 'door' },
  });
  expect(answer.response).toMatchObject({ modelName: 'door', modelVersion: '1.0', id: 'mine' });
  expect(answer.response?.outputs[0]).toMatchObject({
    name: 'y',
    shape: [3],
    data: Float32Array.of(1, 2, 3),
  });
  expect(answer.message.headers?.get(headers.replica)).toBe(replica);
  expect(answer.message.headers?.get(headers.requestId)).toBe('r-1');
  const text = await engine.call(replica, [floats(1.5)], { binary: false });
  expect(text.message.headers?.has(headers.jsonLength)).toBe(false);
  expect(text.response).toMatchObject({ modelName: 'mirror', outputs: [{ data: Float32Array.of(1.5) }] });
  await engine.engine.unload(replica, 1_000);
});

test('every datatype comes back as it went in', async () => {
  const cases: [T, Tensor][] = [
    [T.STRING, { name: 'x', datatype: 'BYTES', shape: [2], data: ['grüße', ''] }],
    [T.INT64, { name: 'x', datatype: 'INT64', shape: [1], data: BigInt64Array.of(-(2n ** 60n)) }],
    [T.BOOL, { name: 'x', datatype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) }],
    [T.FLOAT16, { name: 'x', datatype: 'FP16', shape: [1], data: Uint16Array.of(0x3c00) }],
    [T.UINT8, { name: 'x', datatype: 'UINT8', shape: [0], data: new Uint8Array() }],
  ];
  for (const [type, x] of cases) {
    const { replica } = await engine.load(signedVersion(identity(type)));
    const { response } = await engine.call(replica, [x], { binary: type === T.FLOAT16 });
    const [y] = response?.outputs ?? [];
    expect(y).toMatchObject({ name: 'y', datatype: x.datatype, shape: x.shape });
    expect([...(y?.data ?? [])].map(String)).toEqual([...x.data].map(String));
    await engine.engine.unload(replica, 1_000);
  }
});

test('callers who share runs each get their own rows', async () => {
  const { replica, batchMax } = await engine.load(signedVersion(mlp(1)));
  expect(batchMax).toBeGreaterThan(1);
  const alone = await Promise.all([1, 2, 3].map((i) => engine.call(replica, [image(i / 100)])));
  const value = (i: number) => (i * 37) % 100;
  // One connection writes them in one go, so that they wait for each other.
  const together = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      engine.callPatiently(replica, [image(value(i) / 100, 1 + (i % 3))], { id: `${i}` }),
    ),
  );
  const expected = new Map<number, number[]>();
  for (const [i, { response }] of together.entries()) {
    const [y] = response?.outputs ?? [];
    expect(response?.id).toBe(`${i}`);
    expect(y?.shape).toEqual([1 + (i % 3), 10]);
    const rows = Array.from({ length: 1 + (i % 3) }, (_, row) => numbersOf(y).slice(row * 10, row * 10 + 10));
    for (const row of rows) {
      const known = expected.get(value(i)) ?? row;
      expected.set(value(i), known);
      for (const [at, number] of row.entries()) expect(number).toBeCloseTo(known[at] ?? Number.NaN, 4);
    }
  }
  const [first] = alone[0]?.response?.outputs ?? [];
  const again = expected.get(1) ?? [];
  for (const [at, number] of numbersOf(first).entries())
    expect(number).toBeCloseTo(again[at] ?? Number.NaN, 4);
  await engine.engine.unload(replica, 1_000);
});

test('what does not fit the model is refused by name and costs the others nothing', async () => {
  const { replica } = await engine.load(signedVersion(mlp(1)));
  const bad: [Promise<{ code: string }>, string][] = [
    [engine.call(replica, []), 'TENSOR_MISMATCH'],
    [engine.call(replica, [{ ...image(1), name: 'z' }]), 'TENSOR_MISMATCH'],
    [engine.call(replica, [image(1), { ...image(1), name: 'extra' }]), 'TENSOR_MISMATCH'],
    [engine.call(replica, [floats(1)]), 'TENSOR_MISMATCH'],
    [engine.call(replica, [image(1)], { outputs: ['nothing'] }), 'TENSOR_MISMATCH'],
    [engine.send(replica, randomBytes(100), {}), 'BAD_REQUEST'],
    [engine.send(replica, new Uint8Array(), {}), 'BAD_REQUEST'],
    [engine.send(replica, Buffer.from('{}'), { [headers.jsonLength]: '9999' }), 'BAD_REQUEST'],
    [engine.send(replica, Buffer.from('{}'), { [headers.timeoutMs]: 'soon' }), 'BAD_REQUEST'],
  ];
  const good = engine.call(replica, [image(1)]);
  for (const [reply, code] of bad) expect((await reply).code).toBe(code);
  expect((await good).code).toBe('OK');
  await engine.engine.unload(replica, 1_000);
});

test('success goes the short way home, and the router hears the outcomes of a batch in one message', async () => {
  const { replica } = await engine.load(signedVersion(mlp(1)));
  const atRouter = engine.nc.subscribe('_INBOX.router.>');
  const atCaller = engine.nc.subscribe('_INBOX.caller.>');
  await engine.nc.flush();
  const send = (i: number, fields: Record<string, string> = {}) => {
    const body = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 784], data: Array(784).fill(0.5) }],
      }),
    );
    const all = Object.entries({ [headers.reply]: `_INBOX.caller.${i}`, ...fields });
    engine.nc.publish(subjects.run(replica), body, { reply: `_INBOX.router.${i}`, headers: headersOf(all) });
  };
  for (let i = 0; i < 8; i++) send(i);
  send(8, { [headers.jsonLength]: '1' });
  const home = new Map<string, string>();
  for await (const message of atCaller) {
    home.set(message.subject.split('.').at(-1) ?? '', message.headers?.get(headers.errorStatus) || '200');
    if (home.size === 9) break;
  }
  expect(home.get('8')).toBe('400');
  const done = new Map<string, number>();
  for await (const message of atRouter) {
    expect(message.subject).toBe('_INBOX.router.outcomes');
    const outcomes = message.json<{ replica: string; done: [string, number, number][] }>();
    expect(outcomes.replica).toBe(replica);
    for (const [token, status] of outcomes.done) done.set(token, status);
    if (done.size === 9) break;
  }
  expect(done).toEqual(new Map([...home].map(([token, status]) => [token, Number(status)])));
  await engine.engine.unload(replica, 1_000);
});

test('an answer is never published to a subject that is no inbox', async () => {
  const { replica } = await engine.load(signedVersion(identity()));
  const refused = await engine.call(replica, [floats(1)], {
    headers: { [headers.reply]: 'massif.registry.push' },
  });
  expect(refused.code).toBe('BAD_REQUEST');
  const spied = engine.nc.subscribe('massif.registry.>');
  engine.nc.publish(subjects.run(replica), Buffer.from('{}'), { reply: 'massif.registry.push' });
  expect((await engine.call(replica, [floats(1)])).code).toBe('OK');
  await engine.nc.flush();
  expect(spied.getReceived()).toBe(0);
  spied.unsubscribe();
  await engine.engine.unload(replica, 1_000);
});

test('a full mailbox is an answer, and the router gets it, not the caller', async () => {
  const { replica } = await engine.load(signedVersion(slow()), 2);
  const busy = await tripsFor(replica, 400);
  const running = engine.call(replica, [trips(busy)]);
  // Through a router, played by the request's own reply: what is accepted goes to the caller and is not seen here.
  const asRouter = { headers: { [headers.reply]: '_INBOX.elsewhere.1' }, timeoutMs: 2_000 };
  const seen = await Promise.all(
    Array.from({ length: 6 }, () =>
      engine.call(replica, [trips(0)], asRouter).then(
        ({ code }) => code,
        () => 'answered elsewhere',
      ),
    ),
  );
  expect((await running).code).toBe('OK');
  expect(seen.filter((code) => code === 'MAILBOX_FULL').length).toBeGreaterThanOrEqual(4);
  expect(seen).toContain('answered elsewhere');
  await engine.engine.unload(replica, 1_000);
});

test('expired work is never run', async () => {
  const { replica } = await engine.load(signedVersion(slow()));
  const busy = await tripsFor(replica, 1_000);
  // They may be read together: then it is the first by its priority, not by its deadline.
  const running = engine.call(replica, [trips(busy)], { headers: { [headers.priority]: '1' } });
  const late = await Promise.all(
    Array.from({ length: 4 }, () => engine.call(replica, [trips(busy * 20)], { timeoutMs: 300 })),
  );
  expect((await running).code).toBe('OK');
  for (const { code } of late) expect(['DEADLINE', 'MAILBOX_FULL']).toContain(code);
  expect((await engine.call(replica, [trips(0)])).code).toBe('OK');
  await engine.engine.unload(replica, 1_000);
}, 60_000);

test('an answer above the payload limit is a coded error', async () => {
  const { replica } = await engine.load(signedVersion(identity(T.STRING)));
  // JSON in, JSON out: every control character of 1 byte becomes 6.
  const blob: Tensor = { name: 'x', datatype: 'BYTES', shape: [1], data: ['\u0001'.repeat(3 * 1024 * 1024)] };
  const body = Buffer.concat([
    Buffer.from(
      '{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":3145732}}]}',
    ),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(3 * 1024 * 1024);
  const bytes = Buffer.concat([body, length, Buffer.from((blob.data as string[])[0] ?? '')]);
  const reply = await engine.send(replica, bytes, { [headers.jsonLength]: String(body.length) });
  expect(reply.code).toBe('TOO_LARGE');
  await engine.engine.unload(replica, 1_000);
});

test('bytes that are not those that were signed are never loaded', async () => {
  const version = signedVersion(mlp(2));
  await engine.put(version);
  const digest = version.record.resources.find(({ name }) => name === 'model.onnx')?.digest ?? '';
  const bytes = Buffer.from(version.resources.get(digest) ?? []);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  const tampered = { ...version, resources: new Map(version.resources).set(digest, bytes) };
  await expect(engine.load(tampered)).rejects.toMatchObject({ code: 'UNSIGNED' });
  await writeFile(join(engine.artifactsDir, digest), bytes.subarray(1));
  await expect(engine.load({ ...version, resources: new Map() })).rejects.toMatchObject({ code: 'UNSIGNED' });
});

test('a version signed by a stranger, or with the signature of another version, is never loaded', async () => {
  await expect(engine.load(signedVersion(mlp(2), { strangerKey: true }))).rejects.toMatchObject({
    code: 'UNSIGNED',
  });
  const version = signedVersion(mlp(3));
  const { bundle } = signedVersion(mlp(4)).record;
  await expect(engine.load({ ...version, record: { ...version.record, bundle } })).rejects.toMatchObject({
    code: 'UNSIGNED',
  });
});

test('a version that fails its own self-test is refused with the reason', async () => {
  const selftest = (y: number) => ({
    cases: [
      {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [1], data: [y] }],
        tolerance: 1e-4,
      },
    ],
  });
  const good = await engine.load(signedVersion(identity(), { selftest: selftest(1) }));
  await engine.engine.unload(good.replica, 1_000);
  await expect(engine.load(signedVersion(identity(), { selftest: selftest(2) }))).rejects.toMatchObject({
    code: 'MODEL_REFUSED',
    message: expect.stringContaining('fails case 1') as string,
  });
});

test('a replica that leaves answers what it holds first', async () => {
  const { replica } = await engine.load(signedVersion(slow()));
  const busy = await tripsFor(replica, 300);
  // One connection: when the second is answered, the first was read.
  const running = [engine.call(replica, [trips(1)]), engine.call(replica, [trips(busy)])];
  await running[0];
  const left = engine.engine.unload(replica, 5_000);
  expect((await running[1])?.code).toBe('OK');
  await left;
  await expect(engine.call(replica, [trips(0)])).rejects.toThrow(/no responders/i);
});

test('an engine tells counts when they change, and of a replica that comes back from zero', async () => {
  const pong = async (): Promise<void> => {
    const before = engine.engine.pongs;
    engine.engine.ping();
    await waitUntil('it answers', () => engine.engine.pongs > before);
  };
  const version = signedVersion(identity(), { model: 'counted' });
  const { replica } = await engine.load(version);
  const served = (): number | undefined => engine.engine.counters(replica)?.served;
  await engine.call(replica, [floats(1)]);
  await pong();
  expect(served()).toBe(1);
  await pong();
  expect(served()).toBe(1);
  await engine.engine.unload(replica, 1_000);
  expect(served()).toBe(1);
  await engine.load(version);
  expect(served()).toBeUndefined();
  await pong();
  expect(served()).toBe(0);
  await engine.engine.unload(replica, 1_000);
});

test('an engine without models is small', async () => {
  await using fresh = await DrivenEngine.start();
  await waitUntil('it answers a ping', () => {
    fresh.engine.ping();
    return fresh.engine.rssBytes > 0;
  });
  // Some 20 MB of it are onnxruntime's environment, made before anybody waits for it (warm-library.ts).
  expect(fresh.engine.rssBytes / 1024 / 1024).toBeLessThan(120);
});

function headersOf(fields: [string, string][]) {
  // The client's own class, as any caller would use it.
  const all = natsHeaders();
  for (const [key, value] of fields) all.set(key, value);
  return all;
}
