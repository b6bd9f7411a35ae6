// Repeated requests at a real engine: what runs, counted by the engine's own statistics.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headers } from '../../../contracts/headers.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { identity } from '../../onnx/testing/identity.js';
import { slow } from '../../onnx/testing/slow.js';
import { DrivenEngine } from '../testing/driven-engine.js';
import { signedVersion } from '../testing/signed-version.js';

let engine: DrivenEngine;
let mirror: string;
let busy: string;
/** As many trips as keep the slow model busy for some tenths of a second. */
let some: number;
beforeAll(async () => {
  engine = await DrivenEngine.start();
  mirror = (await engine.load(signedVersion(identity()))).replica;
  busy = (await engine.load(signedVersion(slow()))).replica;
  const startedMs = performance.now();
  await engine.call(busy, [trips(500)]);
  some = Math.ceil((500 * 300) / (performance.now() - startedMs));
}, 30_000);
afterAll(() => engine[Symbol.asyncDispose]());

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
const statistics = async (replica: string) => {
  const found = (await engine.engine.statistics()).find((one) => one.replica === replica);
  if (!found) throw new Error('no statistics');
  return found.statistics;
};
const runs = async (replica: string) => (await statistics(replica)).execution_count;
const ask = (values: number[], fields: Record<string, string>, binary = true) =>
  engine.call(mirror, [floats(...values)], { headers: fields, binary });

test('a request id that comes again is answered with what is known, and nothing is run', async () => {
  const before = await runs(mirror);
  const fields = { [headers.requestId]: 'again-1', [headers.once]: '1' };
  const first = await ask([1, 2, 3], fields);
  const second = await ask([1, 2, 3], fields);
  expect(Buffer.compare(first.message.data, second.message.data)).toBe(0);
  expect(first.message.headers?.has(headers.once)).toBe(false);
  expect(second.message.headers?.get(headers.once)).toBe('again');
  expect(await runs(mirror)).toBe(before + 1);
});

test('those that come before the first was run wait for its run, whoever chose the id', async () => {
  const before = await runs(busy);
  const running = engine.call(busy, [trips(some)]);
  await new Promise((resolve) => setTimeout(resolve, 100)); // it has begun: what comes now is read together
  const fields = { [headers.requestId]: 'under-way' };
  const first = engine.call(busy, [trips(some)], { headers: fields });
  const others = [1, 2, 3].map(() => engine.call(busy, [trips(some)], { headers: fields }));
  const replies = await Promise.all([first, ...others]);
  expect(replies.map(({ code }) => code)).toEqual(['OK', 'OK', 'OK', 'OK']);
  for (const { message } of replies) expect(Buffer.compare(message.data, replies[0]!.message.data)).toBe(0);
  await running;
  expect(await runs(busy)).toBe(before + 2);
});

test('the same id with another body is refused with 409, while the first runs and afterwards', async () => {
  const fields = { [headers.requestId]: 'reused', [headers.once]: '1' };
  const first = engine.call(busy, [trips(some)], { headers: fields });
  expect((await engine.call(busy, [trips(7)], { headers: fields })).code).toBe('REQUEST_ID_REUSED');
  expect((await first).code).toBe('OK');
  expect((await engine.call(busy, [trips(7)], { headers: fields })).code).toBe('REQUEST_ID_REUSED');
});

test('a mirrored copy neither answers for the original nor collides with it', async () => {
  const before = await runs(mirror);
  const fields = { [headers.requestId]: 'shadowed', [headers.once]: '1' };
  const copy = { ...fields, [headers.shadow]: 'b', [headers.cache]: '60' };
  await ask([1], copy);
  expect((await ask([1], fields)).message.headers?.has(headers.once)).toBe(false);
  // Not even with another body, and it finds nothing kept.
  const other = await ask([2], copy);
  expect(other.code).toBe('OK');
  expect(other.message.headers?.has(headers.cache)).toBe(false);
  expect(await runs(mirror)).toBe(before + 3);
  expect((await ask([1], fields)).message.headers?.get(headers.once)).toBe('again');
});

test('a request whose own time is over takes nobody with it', async () => {
  const running = engine.call(busy, [trips(3 * some)]);
  await new Promise((resolve) => setTimeout(resolve, 100)); // it has begun: what comes now waits
  const fields = { [headers.requestId]: 'expires' };
  const [short, long] = await Promise.all([
    engine.call(busy, [trips(5)], { headers: fields, timeoutMs: 30 }),
    engine.call(busy, [trips(5)], { headers: fields, timeoutMs: 20_000 }),
  ]);
  expect(short.code).toMatch(/DEADLINE|MAILBOX_FULL/);
  expect(long.code).toBe('OK');
  await running;
});

test('on an endpoint that keeps answers the same inputs are run once, however they are written', async () => {
  const before = await statistics(mirror);
  const kept = { [headers.cache]: '60' };
  const first = await ask([4, 5], kept);
  expect(first.message.headers?.get(headers.cache)).toBe('miss');
  const second = await ask([4, 5], kept);
  expect(second.message.headers?.get(headers.cache)).toBe('hit');
  expect(Buffer.compare(first.message.data, second.message.data)).toBe(0);
  const json = await ask([4, 5], kept, false);
  expect(json.message.headers?.get(headers.cache)).toBe('hit');
  expect(json.response?.outputs[0]?.data).toEqual(Float32Array.of(4, 5));
  expect((await ask([4, 6], kept)).message.headers?.get(headers.cache)).toBe('miss');
  expect((await ask([4, 5], { [headers.cache]: 'no' })).message.headers?.has(headers.cache)).toBe(false);
  expect((await ask([4, 5], {})).message.headers?.has(headers.cache)).toBe(false);
  const after = await statistics(mirror);
  expect(after.execution_count).toBe(before.execution_count + 4);
  expect(after.inference_stats.cache_hit.count).toBe(before.inference_stats.cache_hit.count + 2);
  expect(after.inference_stats.cache_miss.count).toBe(before.inference_stats.cache_miss.count + 2);
});

test('steps of a sequence are never answered from what is kept', async () => {
  const before = await runs(mirror);
  const fields = { [headers.cache]: '60', [headers.requestId]: 'step', [headers.once]: '1' };
  const step = { ...fields, [headers.sequence]: '7' };
  for (let n = 0; n < 2; n++) await ask([8], step);
  expect(await runs(mirror)).toBe(before + 2);
});

test('what is kept is bounded and ends with its replica', async () => {
  const version = signedVersion(identity(T.UINT8));
  const { replica } = await engine.load(version);
  const kept = { [headers.cache]: '60' };
  const big = (first: number): Tensor => {
    const data = new Uint8Array(200_000);
    data[0] = first;
    return { name: 'x', datatype: 'UINT8', shape: [data.length], data };
  };
  const look = async (n: number) =>
    (await engine.call(replica, [big(n)], { headers: kept })).message.headers?.get(headers.cache);
  // 200 kB each, where there is room for a megabyte.
  for (let n = 0; n < 8; n++) expect(await look(n)).toBe('miss');
  expect(await look(7)).toBe('hit');
  expect(await look(0)).toBe('miss');
  await engine.engine.unload(replica, 1_000);
  await engine.load(version);
  expect(await look(7)).toBe('miss');
});
