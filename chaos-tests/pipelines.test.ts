// A pipeline in a whole mesh of two regions, each of its steps in an engine of its own: the numbers are right, the tensors stay away
// from caller and router, every step may be killed under load, failures name their step, and strangers' headers lead nowhere.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommandLine } from '../client/cli/command-line.js';
import type { MassifClient } from '../client/mod.js';
import { inboxPrefix } from '../contracts/bus-users.js';
import { headers } from '../contracts/headers.js';
import { Heartbeat } from '../contracts/heartbeat.js';
import { encodeInferRequest } from '../contracts/infer-body.js';
import { PipelinePlan } from '../contracts/pipeline.js';
import { subjects, wildcards } from '../contracts/subjects.js';
import { GraphBuilder } from '../services/onnx/builder.js';
import { externalise } from '../services/onnx/externalise.js';
import { Graph } from '../services/onnx/graph.js';
import { decoder } from '../services/onnx/models/decoder.js';
import { TensorProto_DataType as T } from '../services/onnx/proto/onnx_pb.js';
import { openSession } from '../services/onnx/session.js';
import { float32 } from '../services/onnx/tensor.js';
import { ocrClassifier } from '../services/onnx/testing/real-models.js';
import { type DrillMesh, eventually, startMesh } from './harness.js';
import { Ledger } from './ledger.js';
import { openLoop } from './open-loop.js';

const STAGES = ['first', 'second', 'third'] as const;
const DEADLINE_MS = 5_000;
const chain = {
  name: 'chain',
  inputs: [{ name: 'x', datatype: 'FP32' as const, shape: [-1, -1] }],
  steps: STAGES.map((name, i) => ({
    name,
    endpoint: name,
    in: { x: i === 0 ? 'x' : `t${i}` },
    out: { y: `t${i + 1}` },
  })),
  outputs: ['t3'],
};
/** What the three stages make of a number: y = 2 x + 1, 2, 3. */
const right = (x: number): number => ((x * 2 + 1) * 2 + 2) * 2 + 3;

let mesh: DrillMesh;
let nc: NatsConnection;
let observer: NatsConnection;
const beats = new Map<string, Heartbeat>();

/** `x` FP32 [batch, width] to `y` of the same shape: 2 x + `plus`. */
function stage(plus: number, width: string | number = 'width'): Uint8Array {
  const g = new GraphBuilder({ opset: 17, name: 'stage' });
  const x = g.input('x', T.FLOAT, ['batch', width]);
  const doubled = g.op('Mul', [x, g.constant('two', float32([1], [2]))]);
  g.op('Add', [doubled, g.constant('plus', float32([1], [plus]))], {}, { outputs: ['y'] });
  g.output('y', T.FLOAT, ['batch', width]);
  return g.bytes();
}

const card = { name: 'card.json', bytes: Buffer.from(JSON.stringify({ ownEngine: true })) };
const numbers = (length: number, first = 1) => Float32Array.from({ length }, (_, i) => (i % 100) + first);
const ask = (client: MassifClient, data: Float32Array) =>
  client.infer('chain', { x: { data, shape: [1, data.length] } }, { timeoutMs: DEADLINE_MS });

beforeAll(async () => {
  mesh = await startMesh({ apart: true, observer: true });
  for (const [i, name] of STAGES.entries())
    await mesh.publish(name, [{ name: 'model.onnx', bytes: stage(i + 1) }, card], 1);
  await mesh.publish('narrow', [{ name: 'model.onnx', bytes: stage(1, 8) }], 1);
  nc = await mesh.nats('operator');
  observer = await mesh.nats('observer');
  nc.subscribe(wildcards.heartbeats(), {
    callback: (_, message) => {
      const beat = Heartbeat.parse(message.json());
      beats.set(beat.shard, beat);
    },
  });
  await using client = await mesh.client({ mode: 'routed' });
  await client.registry.applyPipeline(chain);
  for (const nats of mesh.natsUrls)
    for (const mode of ['routed', 'direct'] as const) {
      await using near = await mesh.client({ nats: [nats], mode });
      await eventually(`${mode} knows the pipeline`, () => ask(near, numbers(4)));
    }
});

afterAll(async () => {
  await nc?.close();
  await observer?.close();
  await mesh?.[Symbol.asyncDispose]();
});

test('three stages answer as one endpoint, in both regions, directly and through a router', async () => {
  for (const nats of mesh.natsUrls)
    for (const mode of ['routed', 'direct'] as const) {
      await using client = await mesh.client({ nats: [nats], mode });
      const { outputs, modelVersion } = await ask(client, numbers(64));
      expect(Array.from(outputs['t3']?.data as Float32Array)).toEqual(Array.from(numbers(64), right));
      expect(modelVersion).toBe('1');
    }
});

test('rows go through the stages in micro-batches, and come back in their places, through every door', async () => {
  await using setter = await mesh.client({ mode: 'routed' });
  await setter.registry.applyPipeline({ ...chain, name: 'rows', microBatch: 4 });
  const [rows, width] = [19, 3];
  const data = Float32Array.from({ length: rows * width }, (_, i) => i);
  const wanted = Array.from(data, right);
  const x = { data, shape: [rows, width] };
  const parts = new Set<string>();
  const spied = observer.subscribe('massif.run.*', {
    callback: (_, message) => void parts.add(message.headers?.get(headers.requestId) ?? ''),
  });
  await observer.flush();
  for (const mode of ['routed', 'direct'] as const) {
    await using client = await mesh.client({ nats: [mesh.natsUrls[0] as string], mode });
    const requestId = `rows-${mode}`;
    const { outputs } = await eventually('the pipeline is known', () =>
      client.infer('rows', { x }, { requestId, timeoutMs: DEADLINE_MS }),
    );
    expect(outputs['t3']?.shape).toEqual([rows, width]);
    expect(Array.from(outputs['t3']?.data as Float32Array)).toEqual(wanted);
    expect([1, 2, 3, 4, 5].every((part) => parts.has(`${requestId}.${part}`))).toBe(true);
  }
  spied.unsubscribe();
  const answer = await fetch(`${mesh.regions[0]?.restUrl}/v2/models/rows/infer`, {
    method: 'POST',
    body: JSON.stringify({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, width], data: [...data] }],
    }),
  });
  const { outputs } = (await answer.json()) as { outputs: { shape: number[]; data: number[] }[] };
  expect(outputs[0]).toMatchObject({ shape: [rows, width], data: wanted });
  const bad = { x: { data: new Float32Array(6), shape: [6] } };
  await expect(setter.infer('rows', bad, { timeoutMs: DEADLINE_MS })).rejects.toMatchObject({
    code: 'TENSOR_MISMATCH',
  });
}, 60_000);

test('what lies between the steps passes neither the router nor the caller', async () => {
  const [region] = mesh.regions;
  const router = async (): Promise<{ in: number; out: number }> => {
    const page = (await (
      await fetch(`http://127.0.0.1:${region?.ports.natsMonitor}/connz?limit=1000`)
    ).json()) as { connections: { name: string; in_bytes: number; out_bytes: number }[] };
    const seen = page.connections.filter(({ name }) => name?.startsWith('router'));
    expect(seen.length).toBeGreaterThan(0);
    return {
      in: seen.reduce((sum, one) => sum + one.in_bytes, 0),
      out: seen.reduce((sum, one) => sum + one.out_bytes, 0),
    };
  };
  const data = numbers(200_000);
  const inputs = [{ name: 'x', datatype: 'FP32' as const, shape: [1, data.length], data }];
  const body = encodeInferRequest({ parameters: {}, inputs, binaryOutput: true });
  const given = natsHeaders();
  given.set(headers.jsonLength, String(body.jsonLength));
  given.set(headers.timeoutMs, String(DEADLINE_MS));
  /** How often each step was sent to anybody. */
  const sent = [0, 0, 0];
  const callers = new Set<boolean>();
  const senders = new Set<string>();
  const spied = observer.subscribe('massif.run.*', {
    callback: (_, message) => {
      const step = Number(message.headers?.get(headers.step) ?? 0);
      sent[step] = (sent[step] ?? 0) + 1;
      // Between the steps the caller's inbox is what it was, and the router hears of trouble.
      callers.add(message.headers?.get(headers.reply).startsWith(`${inboxPrefix('operator')}.`) ?? false);
      senders.add(`${message.reply?.split('.').slice(0, -1).join('.')}`);
    },
  });
  await observer.flush();
  const before = await router();
  const rounds = 3;
  for (let i = 0; i < rounds; i++) {
    const answer = await nc.request(subjects.infer('chain'), body.bytes, {
      headers: given,
      timeout: DEADLINE_MS,
    });
    expect(answer.headers?.get(headers.errorText) ?? '').toBe('');
    expect(answer.data.length).toBeGreaterThan(data.byteLength);
  }
  const after = await router();
  spied.unsubscribe();
  expect(callers).toEqual(new Set([true]));
  expect(senders.size).toBe(1); // the router's inbox
  for (const step of sent) expect(step).toBeGreaterThanOrEqual(rounds);
  // In: each request once. Out: each first step once, an attempt more on a busy machine included. Nothing of the other steps.
  expect(after.out - before.out).toBeLessThan(rounds * body.bytes.length * 1.2);
  expect(after.in - before.in).toBeLessThan((sent[0] as number) * body.bytes.length * 1.2);
});

test('a step that fails is named to the caller, with its own code', async () => {
  await using client = await mesh.client();
  await client.registry.applyPipeline({
    ...chain,
    name: 'mismatched',
    steps: [
      { name: 'wide', endpoint: 'first', in: { x: 'x' }, out: { y: 'wide' } },
      { name: 'tight', endpoint: 'narrow', in: { x: 'wide' }, out: { y: 't3' } },
    ],
  });
  const infer = (width: number) =>
    client.infer(
      'mismatched',
      { x: { data: numbers(width), shape: [1, width] } },
      { timeoutMs: DEADLINE_MS },
    );
  await eventually('the pipeline is known', () => infer(8));
  const reason = await infer(5).catch((error: unknown) => error);
  expect(reason).toMatchObject({ code: 'TENSOR_MISMATCH', step: 'tight' });
  expect((reason as Error).message).toContain('Step "tight"');
  for (const restUrl of mesh.regions.map((region) => region.restUrl)) {
    const body = { inputs: [{ name: 'x', shape: [1, 5], datatype: 'FP32', data: [1, 2, 3, 4, 5] }] };
    const answer = await fetch(`${restUrl}/v2/models/mismatched/infer`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'TENSOR_MISMATCH', step: 'tight' });
  }
  await expect(client.registry.undeploy('narrow')).rejects.toMatchObject({ code: 'PIPELINE_REFUSED' });
  await client.registry.withdrawPipeline('mismatched');
});

test('each step killed in the middle of load costs no caller anything while another region has it', async () => {
  await using direct = await mesh.client();
  await using routed = await mesh.client({ mode: 'routed' });
  const call = (client: MassifClient) => async (_: string, n: number) => {
    const data = numbers(16, n % 50);
    const { outputs, attempts } = await ask(client, data);
    expect(Array.from(outputs['t3']?.data as Float32Array)).toEqual(Array.from(data, right));
    return { attempts };
  };
  const ledger = new Ledger();
  const stop = new AbortController();
  const load = openLoop(
    [
      { name: 'direct', perSecond: 40, call: call(direct) },
      { name: 'routed', perSecond: 20, call: call(routed) },
    ],
    ledger,
    stop.signal,
  );
  for (const name of STAGES) {
    await sleep(400);
    const [victim] = enginesOf(name);
    process.kill(victim as number, 'SIGKILL');
    await eventually(`${name} has two other engines`, () => {
      const now = enginesOf(name);
      return now.length === 2 && !now.includes(victim as number)
        ? Promise.resolve()
        : Promise.reject(new Error(now.join()));
    });
  }
  stop.abort();
  await load;
  for (const caller of ['direct', 'routed']) {
    const { requests, ok, codes } = ledger.account(caller);
    expect(codes).toEqual({});
    expect(ok).toBe(requests);
    expect(requests).toBeGreaterThan(20);
  }
  await eventually('every spare is there again', () =>
    [...beats.values()].every(({ engines }) => engines.every(({ state }) => state !== 'starting'))
      ? Promise.resolve()
      : Promise.reject(new Error('an engine starts')),
  );
});

test('a caller cannot bring an itinerary of its own, and an engine writes to replicas alone', async () => {
  const body = encodeInferRequest({
    parameters: {},
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) }],
    binaryOutput: false,
  });
  await using client = await mesh.client();
  const plan = JSON.stringify(PipelinePlan.parse((await client.registry.pipelines())[0]));
  const send = async (subject: string, hops: string, step = '0') => {
    const given = natsHeaders();
    given.set(headers.jsonLength, String(body.jsonLength));
    given.set(headers.plan, plan);
    given.set(headers.hops, hops);
    given.set(headers.step, step);
    const reply = await nc.request(subject, body.bytes, { headers: given, timeout: DEADLINE_MS });
    return { code: reply.headers?.get(headers.errorCode) ?? '', text: reply.string() };
  };
  const spied = observer.subscribe('massif.registry.>');
  await observer.flush();
  const victim = 'massif.registry.withdraw';
  // Through the door the headers are not there any more: the plain endpoint gives its plain answer.
  const plain = await send(subjects.infer('first'), `${victim} ${victim} ${victim}`);
  expect(plain.code).toBe('');
  expect(plain.text).toContain('"model_name":"first"');
  const replica =
    [...beats.values()].flatMap(({ replicas }) => replicas).find(({ model }) => model === 'first')?.id ?? '';
  for (const hops of [`${replica} ${victim} ${victim}`, `${replica} >`, `${replica} * *`, replica, ''])
    expect((await send(subjects.run(replica), hops)).code).toBe('BAD_REQUEST');
  expect((await send(subjects.run(replica), `${replica} ${replica} ${replica}`, '7')).code).toBe(
    'BAD_REQUEST',
  );
  await observer.flush();
  expect(spied.getReceived()).toBe(0);
  spied.unsubscribe();
});

test('massif split: a model in three stages over two regions answers as the whole does, a stage killed in between', async () => {
  const sizes = { 'x:0': 1, 'x:2': 48, 'x:3': 192 };
  const warm = { name: 'card.json', bytes: Buffer.from(JSON.stringify({ warmDims: sizes })) };
  await mesh.publish('angle', [{ name: 'model.onnx', bytes: ocrClassifier() }, warm], 1);
  let told = '';
  const code = await runCommandLine(
    [
      'split',
      'angle',
      '--stages',
      '3',
      '--region',
      'east',
      '--region',
      'west',
      '--json',
      '--nats',
      mesh.natsUrls.join(','),
    ],
    {
      env: { MASSIF_KEYS: mesh.topology.keys },
      cwd: mesh.topology.dir,
      isRunning: () => false,
      signal: new AbortController().signal,
      write: (text) => (told += text),
      writeNote: () => undefined,
    },
  );
  expect([code, told]).toEqual([0, expect.stringContaining('"endpoint":"angle-split"')]);
  const { stages } = JSON.parse(told) as { stages: { endpoint: string; region: string }[] };
  expect(stages.map(({ region }) => region)).toEqual(['east', 'west', 'east']);
  await using client = await mesh.client();
  const data = Float32Array.from({ length: 3 * 48 * 192 }, (_, i) => Math.sin(i));
  const answer = async (endpoint: string): Promise<number[]> => {
    const inputs = { x: { data, shape: [1, 3, 48, 192] } };
    const { outputs } = await client.infer(endpoint, inputs, { timeoutMs: DEADLINE_MS });
    return Array.from(Object.values(outputs)[0]?.data ?? [], Number);
  };
  const whole = await answer('angle');
  const near = (numbers: number[]): number =>
    Math.max(...numbers.map((one, i) => Math.abs(one - (whole[i] ?? 0))));
  expect(near(await eventually('every stage serves', () => answer('angle-split')))).toBeLessThan(1e-6);
  const [pid = 0] = await eventually('the engine of the second stage is known', async () => {
    const found = enginesOf(stages[1]?.endpoint ?? '');
    if (found.length === 0) throw new Error('not yet');
    return found;
  });
  process.kill(pid, 'SIGKILL');
  expect(near(await eventually('the stage is back', () => answer('angle-split')))).toBeLessThan(1e-6);
}, 120_000);

test('a model that keeps its weights outside its graph is split as they stream past, and answers as the whole', async () => {
  const graph = Graph.read(deep());
  const { chunks } = externalise(graph, 'all.bin', 1);
  const files = [
    { name: 'model.onnx', bytes: graph.write() },
    { name: 'all.bin', bytes: Buffer.concat(chunks) },
  ];
  await using client = await mesh.client();
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  await client.registry.push(files, { model: 'deep', label: '1', privateKeyPem });
  const { code, stages } = await runSplit('deep', '--stages', '2', '--link', '0,100000');
  expect([code, stages.length]).toEqual([0, 2]);
  const versions = await Promise.all(stages.map((one) => client.registry.show({ model: one.endpoint })));
  // Each has its half of the weights, and no more.
  for (const { resources } of versions)
    expect(resources.find(({ name }) => name === 'weights.bin')?.bytes).toBeLessThan(2 * 64 * 64 * 4 + 8_192);
  const data = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
  await using session = await openSession(deep());
  const whole = await session.run({ x: float32([1, 64], data) });
  const answer = await eventually('every stage serves', async () => {
    const inputs = { x: { data, shape: [1, 64] } };
    return (await client.infer('deep-split', inputs, { timeoutMs: DEADLINE_MS })).outputs['y'];
  });
  expect(difference(answer?.data as Float32Array, whole['y']?.data as Float32Array)).toBeLessThan(1e-6);
}, 60_000);

test('a decoder in two stages keeps the cache of its layers on each: the tokens of the whole, through a move; a killed stage says to restart', async () => {
  const [layers, heads, size] = [4, 2, 8];
  const onnx = decoder({ vocabulary: 24, context: 64, width: 16, heads, layers, seed: 5, cache: true });
  const state = Array.from({ length: layers }, (_, i) =>
    ['keys', 'values'].map((what) => ({
      input: `past_${what}.${i}`,
      output: `present_${what}.${i}`,
      shape: [1, heads, 0, size],
    })),
  ).flat();
  const own = { name: 'card.json', bytes: Buffer.from(JSON.stringify({ ownEngine: true, state })) };
  await mesh.publish('writer', [{ name: 'model.onnx', bytes: onnx }, own], 1);
  const { stages } = await runSplit('writer', '--stages', '2', '--counted', '--link', '0,100000');
  expect(stages.length).toBe(2);
  const ids = (...tokens: number[]) => ({
    ids: { data: BigInt64Array.from(tokens, BigInt), shape: [1, tokens.length] },
  });
  const prompt = [1, 7, 4];
  const next = ({ outputs }: { outputs: Record<string, { data: unknown }> }): number => {
    const last = Array.from(outputs['scores']?.data as Float32Array).slice(-24);
    return last.indexOf(Math.max(...last));
  };
  const write = async (endpoint: string, count: number, at: (i: number) => Promise<void>) => {
    await using client = await mesh.client({ mode: endpoint === 'writer' ? 'direct' : 'routed' });
    const sequence = client.sequence(endpoint, { timeoutMs: 20_000 });
    const tokens = [next(await eventually('it is served', () => sequence.start(ids(...prompt))))];
    for (let i = 1; i < count; i++) {
      await at(i);
      tokens.push(next(await sequence.step(ids(tokens.at(-1) ?? 0))));
    }
    return tokens;
  };
  const whole = await write('writer', 10, () => Promise.resolve());
  expect(new Set(whole).size).toBeGreaterThan(1);
  const second = stages[1]?.endpoint ?? '';
  const moved = async (i: number) => {
    if (i !== 4) return;
    const before = stages.map(({ endpoint }) => enginesOf(endpoint));
    for (const shard of beats.keys()) await mesh.ask(subjects.shardControl(shard, 'recycle'), 30_000);
    await eventually('the stages are in other engines', () => {
      const now = stages.map(({ endpoint }) => enginesOf(endpoint));
      return now.every((pids, at) => pids.length === 2 && !pids.some((pid) => before[at]?.includes(pid)))
        ? Promise.resolve()
        : Promise.reject(new Error(`${before.join(' ')} to ${now.join(' ')}`));
    });
  };
  expect(await write('writer-split', 10, moved)).toEqual(whole);
  await mesh.heardAgain();
  for (const { endpoint } of stages)
    expect(mesh.sequencesOf(endpoint)).toMatchObject({ handedOver: 1, lost: 0 });

  await using client = await mesh.client();
  const sequence = client.sequence('writer-split', { timeoutMs: 20_000 });
  expect(next(await sequence.start(ids(...prompt)))).toBe(whole[0]);
  for (const pid of enginesOf(second)) process.kill(pid, 'SIGKILL');
  await expect(sequence.step(ids(whole[0] ?? 0))).rejects.toMatchObject({ code: 'SEQUENCE_LOST' });
  const again = await eventually('it can be begun again', () => sequence.start(ids(...prompt)));
  expect([next(again), next(await sequence.step(ids(whole[0] ?? 0)))]).toEqual(whole.slice(0, 2));
  // Outside a sequence there is no cache to go on with.
  await expect(client.infer('writer-split', ids(1), { timeoutMs: DEADLINE_MS })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
}, 120_000);

/** Four layers and a reshape. */
function deep(): Uint8Array {
  const g = new GraphBuilder({ opset: 17, name: 'deep' });
  let value = g.input('x', T.FLOAT, ['batch', 64]);
  for (let layer = 0; layer < 4; layer++) {
    const weights = Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i * (layer + 1)) / 8);
    value = g.op('Tanh', [g.op('MatMul', [value, g.constant(`w${layer}`, float32([64, 64], weights))])]);
  }
  g.op('Reshape', [value, g.ints([-1, 8, 8])], {}, { outputs: ['y'] });
  g.output('y', T.FLOAT, ['batch', 8, 8]);
  return g.bytes();
}

const difference = (a: Float32Array, b: Float32Array): number =>
  Math.max(...Array.from(a, (one, i) => Math.abs(one - (b[i] ?? NaN))));

async function runSplit(
  ...args: string[]
): Promise<{ code: number; stages: { endpoint: string; region: string }[] }> {
  let told = '';
  const code = await runCommandLine(['split', ...args, '--json', '--nats', mesh.natsUrls.join(',')], {
    env: { MASSIF_KEYS: mesh.topology.keys },
    cwd: mesh.topology.dir,
    isRunning: () => false,
    signal: new AbortController().signal,
    write: (text) => (told += text),
    writeNote: (text) => (told += text),
  });
  if (code !== 0) throw new Error(told);
  return { code, ...(JSON.parse(told.slice(told.indexOf('{"endpoint"'))) as { stages: [] }) };
}

/** Process ids of the engines that serve this model now. */
function enginesOf(model: string): number[] {
  return [...beats.values()].flatMap(({ engines, replicas }) => {
    const ready = replicas
      .filter((replica) => replica.model === model && replica.state === 'ready')
      .map(({ id }) => id);
    return engines.filter((engine) => engine.replicas.some((id) => ready.includes(id))).map(({ pid }) => pid);
  });
}
