// Sequences in a real engine, with Silero VAD, over a real bus.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headers } from '../../../contracts/headers.js';
import { encodeInferRequest } from '../../../contracts/infer-body.js';
import { sequenceHeaders } from '../../../contracts/sequence.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { systemClock } from '../../mesh/clock.js';
import { seededRandom } from '../../mesh/random.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { type CallOptions, DrivenEngine, type Reply } from '../testing/driven-engine.js';
import { Reference, sileroVersion, sound, stepInputs } from '../testing/silero.js';

let engine: DrivenEngine;
let reference: Reference;
beforeAll(async () => {
  engine = await DrivenEngine.start();
  reference = await Reference.open();
}, 30_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await reference[Symbol.asyncDispose]();
});

let requests = 0;
interface Said {
  start?: boolean;
  end?: boolean;
  requestId?: string;
  outputs?: string[];
}
const as = (id: string, said: Said): CallOptions => ({
  headers: {
    [headers.requestId]: said.requestId ?? `r-${++requests}`,
    ...Object.fromEntries(sequenceHeaders({ id, start: said.start ?? false, end: said.end ?? false })),
  },
  ...(said.outputs && { outputs: said.outputs }),
});
const step = (replica: string, id: string, chunk: Float32Array, said: Said = {}): Promise<Reply> =>
  engine.call(replica, stepInputs(chunk), as(id, said));
const probability = ({ code, message, response }: Reply): number => {
  expect(code, message.string()).toBe('OK');
  return Number(response?.outputs.find(({ name }: Tensor) => name === 'output')?.data[0]);
};
const sequencesOf = (replica: string) => {
  engine.engine.ping();
  return engine.engine.counters(replica)?.sequences;
};

test('a caller that sends only its chunks gets the answers of one that carries the state, whoever else calls', async () => {
  const { replica } = await engine.load(sileroVersion());
  const random = seededRandom(11);
  const sounds = Array.from({ length: 24 }, () => sound(8, random));
  const expected: number[][] = [];
  for (const one of sounds) expected.push(await reference.probabilities(one));
  const found = await Promise.all(
    sounds.map(async (one, i) => {
      const got: number[] = [];
      for (const [at, chunk] of one.entries())
        got.push(
          probability(
            await engine.callPatiently(
              replica,
              stepInputs(chunk),
              as(`call ${i}`, { start: at === 0, end: at === one.length - 1 }),
            ),
          ),
        );
      return got;
    }),
  );
  for (const [i, got] of found.entries())
    for (const [at, value] of got.entries()) expect(value).toBeCloseTo(expected[i]?.[at] ?? Number.NaN, 3);
  await waitUntil('all have ended', () => sequencesOf(replica)?.open === 0);
  await engine.engine.unload(replica, 1_000);
});

test('steps whose sequences are named in their bodies, with headers that are all the same, keep apart', async () => {
  const { replica } = await engine.load(sileroVersion());
  const random = seededRandom(12);
  const sounds = [sound(4, random), sound(4, random)];
  const found: number[][] = [[], []];
  for (let at = 0; at < 4; at++)
    for (const [i, one] of sounds.entries()) {
      const { bytes, jsonLength = 0 } = encodeInferRequest({
        parameters: { sequence_id: `in-body-${i}`, sequence_start: at === 0, sequence_end: at === 3 },
        inputs: stepInputs(one[at] as Float32Array),
        binaryOutput: true,
      });
      const sent = { [headers.jsonLength]: String(jsonLength), [headers.timeoutMs]: '10000' };
      found[i]?.push(probability(await engine.send(replica, bytes, sent)));
    }
  for (const [i, got] of found.entries()) {
    const expected = await reference.probabilities(sounds[i] as Float32Array[]);
    for (const [at, value] of got.entries()) expect(value).toBeCloseTo(expected[at] ?? Number.NaN, 3);
  }
  await engine.engine.unload(replica, 1_000);
});

test('state stays inside unless it is asked for, and a start begins anew', async () => {
  const { replica } = await engine.load(sileroVersion());
  const [first, second] = sound(2, seededRandom(3)) as [Float32Array, Float32Array];
  const begun = await step(replica, 'a', first, { start: true });
  expect(begun.response?.outputs.map(({ name }) => name)).toEqual(['output']);
  const [fresh, next] = await reference.probabilities([first, second]);
  expect(probability(begun)).toBeCloseTo(fresh ?? Number.NaN, 4);
  const shown = await step(replica, 'a', second, { outputs: ['stateN', 'output'] });
  expect(shown.response?.outputs.map(({ name }) => name)).toEqual(['stateN', 'output']);
  expect(probability(shown)).toBeCloseTo(next ?? Number.NaN, 4);
  expect(probability(await step(replica, 'a', first, { start: true }))).toBeCloseTo(fresh ?? Number.NaN, 4);
  // Who gives the state itself is served as ever.
  const state: Tensor = { name: 'state', datatype: 'FP32', shape: [2, 1, 128], data: new Float32Array(256) };
  const plain = await engine.call(replica, [...stepInputs(first), state]);
  expect(plain.response?.outputs.map(({ name }) => name)).toEqual(['output', 'stateN']);
  expect((await engine.call(replica, stepInputs(first))).code).toBe('TENSOR_MISMATCH');
  await engine.engine.unload(replica, 1_000);
});

test('a request that comes twice runs once: at the same time, later, and when it was answered long ago', async () => {
  const { replica } = await engine.load(sileroVersion());
  const [a, b, c] = sound(3, seededRandom(5)) as [Float32Array, Float32Array, Float32Array];
  const expected = await reference.probabilities([a, b, c]);
  const twice = await Promise.all([
    step(replica, 's', a, { start: true, requestId: 'q-1' }),
    step(replica, 's', a, { start: true, requestId: 'q-1' }),
  ]);
  for (const reply of twice) expect(probability(reply)).toBeCloseTo(expected[0] ?? Number.NaN, 4);
  for (let i = 0; i < 3; i++)
    expect(probability(await step(replica, 's', b, { requestId: 'q-2' }))).toBeCloseTo(
      expected[1] ?? Number.NaN,
      4,
    );
  const last = await step(replica, 's', c, { end: true, requestId: 'q-3' });
  expect(probability(last)).toBeCloseTo(expected[2] ?? Number.NaN, 4);
  // The end, too, may have to be said twice.
  expect(probability(await step(replica, 's', c, { end: true, requestId: 'q-3' }))).toBe(probability(last));
  expect((await step(replica, 's', b, { requestId: 'q-2' })).code).toBe('BAD_REQUEST');
  expect((await step(replica, 's', c, { requestId: 'q-4' })).code).toBe('SEQUENCE_LOST');
  await engine.engine.unload(replica, 1_000);
});

test('steps that are sent ahead run in the order they came; more than a mailbox holds are told so', async () => {
  const { replica } = await engine.load(sileroVersion());
  const chunks = sound(12, seededRandom(6));
  const expected = await reference.probabilities(chunks);
  const ahead = await Promise.all(chunks.map((chunk, at) => step(replica, 's', chunk, { start: at === 0 })));
  for (const [at, reply] of ahead.entries())
    expect(probability(reply)).toBeCloseTo(expected[at] ?? Number.NaN, 3);
  // Held, so that they wait in front of it together however slowly they were sent.
  process.kill(engine.engine.pid, 'SIGSTOP');
  const flooding = Promise.all(
    Array.from({ length: 200 }, () => step(replica, 's', chunks[0] ?? new Float32Array())),
  );
  await engine.nc.flush();
  await systemClock.sleep(50);
  process.kill(engine.engine.pid, 'SIGCONT');
  const flood = await flooding;
  const codes = new Set(flood.map(({ code }) => code));
  expect([...codes].toSorted()).toEqual(['MAILBOX_FULL', 'OK']);
  await engine.engine.unload(replica, 1_000);
});

test('a step that fails leaves the state as it was', async () => {
  const { replica } = await engine.load(sileroVersion());
  const [a, b] = sound(2, seededRandom(8)) as [Float32Array, Float32Array];
  const expected = await reference.probabilities([a, b]);
  await step(replica, 's', a, { start: true });
  const sequence = Object.fromEntries(sequenceHeaders({ id: 's', start: false, end: false }));
  expect((await engine.call(replica, stepInputs(a).slice(0, 1), { headers: sequence })).code).toBe(
    'TENSOR_MISMATCH',
  );
  expect(probability(await step(replica, 's', b))).toBeCloseTo(expected[1] ?? Number.NaN, 4);
  expect((await step(replica, 'never begun', a)).code).toBe('SEQUENCE_ELSEWHERE');
  // A first step that fails begins nothing.
  const start = Object.fromEntries(sequenceHeaders({ id: 't', start: true, end: false }));
  expect((await engine.call(replica, stepInputs(a).slice(0, 1), { headers: start })).code).toBe(
    'TENSOR_MISMATCH',
  );
  expect((await step(replica, 't', b)).code).toBe('SEQUENCE_ELSEWHERE');
  await engine.engine.unload(replica, 1_000);
});

test('what is idle for longer than the card says is dropped and counted', async () => {
  const { replica } = await engine.load(sileroVersion({ sequenceIdleMs: 200 }));
  const [a] = sound(1, seededRandom(9)) as [Float32Array];
  await step(replica, 's', a, { start: true });
  await waitUntil('it is dropped', () => {
    const counts = sequencesOf(replica);
    return counts?.passivated === 1 && counts.open === 0 && counts.stateBytes === 0;
  });
  expect((await step(replica, 's', a)).code).toBe('SEQUENCE_ELSEWHERE');
  await engine.engine.unload(replica, 1_000);
});
