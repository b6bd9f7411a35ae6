// Sequences from the outside: a thousand at a time on two shards, in any order, with repetitions and a drain in the middle; every
// answer is held against a single caller that carries the state by hand. Then a kill, and the code that says what to do.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InferResult, MassifClient } from '../client/mod.js';
import { encodeInferRequest, type InferRequest } from '../contracts/infer-body.js';
import { RESOURCES } from '../contracts/manifest.js';
import { subjects } from '../contracts/subjects.js';
import { packaged } from '../deploy/local/examples.js';
import { Callers } from '../deploy/local/testing/callers.js';
import { seededRandom } from '../services/mesh/random.js';
import { CHUNK, Reference, sileroCard, sound } from '../services/shard/testing/silero.js';
import { type DrillMesh, eventually, startMesh } from './harness.js';

const SEQUENCES = 1_000;
const CHUNKS = 6;
const SEED = 41;

let mesh: DrillMesh;
let client: MassifClient;
beforeAll(async () => {
  mesh = await startMesh({ regions: ['east'], shardsPerRegion: 2 });
  const card = new TextEncoder().encode(JSON.stringify(sileroCard));
  const files = [
    { name: RESOURCES.model, path: packaged('@ricky0123/vad-web/dist/silero_vad_v6.onnx') },
    {
      name: RESOURCES.selftest,
      path: new URL('../deploy/examples/vad.selftest.json', import.meta.url).pathname,
    },
    { name: RESOURCES.card, bytes: card },
  ];
  await mesh.publish('vad', files, 2);
  client = await mesh.client();
});
afterAll(async () => {
  await client?.close();
  await mesh?.[Symbol.asyncDispose]();
});

const sr = { data: BigInt64Array.of(16_000n), shape: [] };
const inputs = (chunk: Float32Array) => ({ input: { data: chunk, shape: [1, CHUNK] }, sr });
const value = ({ outputs }: InferResult): number => Number(outputs['output']?.data[0]);

test('a thousand sequences on two shards are each right, through a drain and repeated requests', async () => {
  const random = seededRandom(SEED);
  const sounds = Array.from({ length: SEQUENCES }, () => sound(CHUNKS, random));
  await using reference = await Reference.open();
  const expected: number[][] = [];
  for (const one of sounds) expected.push(await reference.probabilities(one));
  const shards = new Set<string>();
  let stepsDone = 0;
  let drained: Promise<unknown> | undefined;
  const [shard = ''] = mesh.topology.services.filter(({ kind }) => kind === 'shard').map(({ name }) => name);
  const wrong: string[] = [];
  await Promise.all(
    sounds.map(async (chunks, i) => {
      for (const [at, chunk] of chunks.entries()) {
        const parameters = {
          sequence_id: `s${i}`,
          ...(at === 0 && { sequence_start: true }),
          ...(at === CHUNKS - 1 && { sequence_end: true }),
        };
        const options = { parameters, requestId: `s${i}-${at}`, timeoutMs: 60_000 };
        const twice = random() < 0.1 ? 2 : 1;
        const answers = await Promise.all(
          Array.from({ length: at === 0 ? 1 : twice }, () => client.infer('vad', inputs(chunk), options)),
        );
        for (const answer of answers) {
          shards.add(answer.replica);
          if (!(Math.abs(value(answer) - (expected[i]?.[at] ?? Number.NaN)) < 2e-3))
            wrong.push(`s${i} ${at}`);
        }
        if (++stepsDone === SEQUENCES * 2) drained = mesh.ask(subjects.shardControl(shard, 'drain'), 30_000);
      }
    }),
  );
  expect(wrong).toEqual([]);
  expect(shards.size).toBe(2);
  expect(await drained).toEqual({ replicas: 1 });
  const counts = mesh.sequencesOf('vad');
  expect(counts.lost).toBe(0);
});

test('a sequence is the same through every door', async () => {
  const [region] = mesh.regions;
  if (!region) throw new Error('the mesh has a region');
  const nc = await mesh.nats('application', region);
  const callers = new Callers(region.restUrl, nc, region.grpcTarget, client);
  try {
    const chunks = sound(3, seededRandom(11));
    await using reference = await Reference.open();
    const expected = await reference.probabilities(chunks);
    const step = (door: string, at: number): InferRequest => ({
      parameters: {
        sequence_id: `door-${door}`,
        ...(at === 0 && { sequence_start: true }),
        ...(at === chunks.length - 1 && { sequence_end: true }),
      },
      inputs: [
        { name: 'input', datatype: 'FP32', shape: [1, CHUNK], data: chunks[at] as Float32Array },
        { name: 'sr', datatype: 'INT64', shape: [], data: BigInt64Array.of(16_000n) },
      ],
      binaryOutput: true,
    });
    const vad = { model: 'vad' };
    const doors = {
      rest: (at: number) => callers.rest(vad, encodeInferRequest(step('rest', at))),
      nats: (at: number) => callers.nats(vad, encodeInferRequest(step('nats', at))),
      grpc: (at: number) => callers.grpcInfer(vad, step('grpc', at), true),
    };
    for (const [door, ask] of Object.entries(doors))
      for (const at of chunks.keys()) {
        const heard = await ask(at);
        const [hex = ''] = (heard.outputs?.[0] ?? '').match(/[0-9a-f]{8}$/) ?? [];
        expect({ door, at, status: heard.status }).toEqual({ door, at, status: 200 });
        expect(Buffer.from(hex, 'hex').readFloatLE(0)).toBeCloseTo(expected[at] ?? Number.NaN, 3);
      }
    await using routed = await mesh.client({ mode: 'routed' });
    const sequence = routed.sequence('vad', { timeoutMs: 20_000 });
    const first = await sequence.start(inputs(chunks[0] as Float32Array));
    const second = await sequence.step(inputs(chunks[1] as Float32Array));
    expect(value(first)).toBeCloseTo(expected[0] ?? Number.NaN, 3);
    expect(value(second)).toBeCloseTo(expected[1] ?? Number.NaN, 3);
    // A step that no start came before is told so at each door, and nothing hangs.
    for (const ask of Object.values(doors)) expect(await ask(1)).toMatchObject({ code: 'SEQUENCE_LOST' });
  } finally {
    callers.close();
    await nc.close();
  }
});

test('a killed engine loses its sequences: the code says to restart, and restarted it is right', async () => {
  const chunks = sound(3, seededRandom(7));
  await using reference = await Reference.open();
  const expected = await reference.probabilities(chunks);
  const [a, b] = chunks as [Float32Array, Float32Array];
  const sequence = client.sequence('vad', { timeoutMs: 20_000 });
  await sequence.start(inputs(a));
  await mesh.heardAgain();
  expect(mesh.sequencesOf('vad').open).toBeGreaterThan(0);
  for (const target of mesh.targets()) if (target.kind === 'engine') target.kill();
  await expect(sequence.step(inputs(b))).rejects.toMatchObject({ code: 'SEQUENCE_LOST', retryable: false });
  expect(sequence.state).toBe('lost');
  await eventually('it can be begun again', () => sequence.start(inputs(a)));
  expect(value(await sequence.step(inputs(b)))).toBeCloseTo(expected[1] ?? Number.NaN, 3);
  await eventually('the loss is counted', async () =>
    expect(mesh.sequencesOf('vad').lost).toBeGreaterThan(0),
  );
});
