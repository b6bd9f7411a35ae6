import { headers as natsHeaders, type Msg } from '@nats-io/transport-node';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { buckets } from '../../contracts/buckets.js';
import type { AskedCompressJob } from '../../contracts/compress-job.js';
import {
  CompressJobsReply,
  type CompressRecord,
  CompressReply,
  CompressReportReply,
} from '../../contracts/compressor.js';
import { headers } from '../../contracts/headers.js';
import { decodeInferRequest, encodeInferResponse } from '../../contracts/infer-body.js';
import type { JobState } from '../../contracts/job.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { ShowReply } from '../../contracts/registry.js';
import { type CompressorVerb, subjects } from '../../contracts/subjects.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { openSession } from '../onnx/session.js';
import { float32 } from '../onnx/tensor.js';
import { registryService } from '../registry/registry.module.js';
import { startTrainedRegion, type TrainedRegion } from '../trainer/testing/trained-region.js';

type Job = z.input<typeof AskedCompressJob>;
let region: TrainedRegion;
const DIGEST = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** Latency is not what these tests are about: the machine is shared. */
const WIDE = { drop: 0.3, latency: 10, size: 1 };
const TUNE = { kind: 'tune' as const, steps: 400 };

beforeAll(async () => {
  region = await startTrainedRegion(registryService);
  await Promise.all([region.startTrainer('trainer-1'), region.startCompressor('compressor-1')]);
  const lines = Array.from({ length: 600 }, (_, i) => {
    const angle = (i * 2.399963) % Math.PI;
    const [x, y] = i % 2 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.4 - Math.sin(angle)];
    return `${(x + 0.05 * Math.sin(i)).toFixed(4)},${y.toFixed(4)},${i % 2 ? 'upper' : 'lower'}`;
  });
  const bytes = Buffer.from(`x,y,moon\n${lines.join('\n')}\n`);
  await region.upload(DIGEST(bytes), bytes);
  const file = { name: 'moons.csv', digest: DIGEST(bytes), bytes: bytes.length };
  const { id } = await region.submit({
    job: {
      model: 'moons',
      label: 'v1',
      data: { format: 'csv', file, target: 'moon' },
      network: { kind: 'mlp', hidden: [128, 128] },
      training: { epochs: 10, batch: 16, rate: 0.01 },
    },
  });
  await region.until(id, 'done');
}, 60_000);
afterAll(async () => region?.[Symbol.asyncDispose]());

const ask = <T>(verb: CompressorVerb, schema: z.ZodType<T>, body: unknown): Promise<T> =>
  region.bus.request(subjects.compressor(verb), schema, body, { timeoutMs: 10_000 });
const submit = async (job: Job): Promise<CompressRecord> =>
  (await ask('submit', CompressReply, { job })).record;
const show = async (id: string) => (await ask('show', CompressReply, { id })).record;
const reportOf = async (id: string) => (await ask('report', CompressReportReply, { id })).report;
const version = async (word: string) =>
  (
    await region.bus.request(
      subjects.registry('show'),
      ShowReply,
      { model: 'moons', version: word },
      { timeoutMs: 5_000 },
    )
  ).version;
const own = (steps: unknown[], budget = WIDE): Job['how'] =>
  ({ kind: 'recipe', recipe: { steps, budget } }) as Job['how'];
const until = (id: string, state: JobState): Promise<CompressRecord> =>
  waitUntil(
    `the job is ${state}`,
    async () => {
      const record = await show(id);
      if (record.state === 'failed' && state !== 'failed') throw new Error(JSON.stringify(record.error));
      return record.state === state ? record : undefined;
    },
    60_000,
  );

/** As an auditor whose engines kept these inputs. */
function answerSamples(kept: readonly Float32Array[]) {
  const counts = { life: 'l', seen: kept.length, kept: kept.length, dropped: 0 };
  const samples = kept.map((data, i) => {
    const bytes = Buffer.from(data.buffer).toString('base64');
    return {
      model: 'moons',
      label: 'student',
      version: 'a'.repeat(64),
      region: 'east',
      replica: 'shard_a',
      at: '2026-01-01T00:00:00.000Z',
      requestId: `r${i}`,
      outputs: [],
      counts,
      inputs: [{ name: 'x', datatype: 'FP32', shape: [data.length / 2, 2], data: bytes }],
    };
  });
  return region.bus.nc.subscribe(subjects.auditor('samples'), {
    callback: (_, message) => void message.respond(JSON.stringify({ samples, before: 0 })),
  });
}

/** The version v1 behind the subject of an endpoint, as a router would hand its requests on. */
async function serveTeacher() {
  const { resources } = await version('v1');
  const digest = resources.find(({ name }) => name === RESOURCES.model)?.digest ?? '';
  const store = await region.bus.object(buckets.artifacts('east'));
  const session = await openSession((await store.getBlob(digest)) ?? new Uint8Array());
  let rows = 0;
  const subscription = region.bus.nc.subscribe(subjects.infer('wise'), {
    callback: (_, message) => void answer(message),
  });
  await region.bus.nc.flush();
  const answer = async (message: Msg): Promise<void> => {
    const length = Number(message.headers?.get(headers.jsonLength));
    const { inputs } = decodeInferRequest(message.data, length);
    const { shape = [], data } = inputs[0] ?? {};
    rows += shape[0] ?? 0;
    const { probabilities } = await session.run({ x: float32(shape, data as Float32Array) });
    const outputs = [
      {
        name: 'probabilities',
        datatype: 'FP32' as const,
        shape: probabilities?.dims ?? [],
        data: probabilities?.data as Float32Array,
      },
    ];
    const { bytes, jsonLength } = encodeInferResponse({ modelName: 'wise', outputs }, { binaryOutput: true });
    const sent = natsHeaders();
    sent.set(headers.jsonLength, String(jsonLength));
    message.respond(bytes, { headers: sent });
  };
  return {
    rows: () => rows,
    async [Symbol.asyncDispose]() {
      subscription.unsubscribe();
      await session.close();
    },
  };
}

test('a version becomes a smaller one with lineage and report, proved on what was held back from training', async () => {
  const before = await version('v1');
  const { id } = await submit({
    model: 'moons',
    version: 'v1',
    label: 'small',
    how: own([{ kind: 'thin', keep: 0.5, steps: 100 }, { kind: 'static' }]),
  });
  const { result } = await until(id, 'done');
  expect(result?.size).toBeLessThan(0.4);
  const made = await version('small');
  expect(made.digest).toBe(result?.version?.digest);
  expect(made.card).toMatchObject({
    parent: before.digest,
    compression: { job: id, seed: 1, figure: 'accuracy' },
  });
  expect(made.card.training).toBeUndefined();
  const report = await reportOf(id);
  expect(report.parent.digest).toBe(before.digest);
  expect(report.examples).toBeGreaterThan(80);
  expect(report.candidate.quality).toBeGreaterThan(0.7);
  expect(report.layers.map(({ form }) => form)).toContain('int8');
  expect(Object.keys(report.plots)).toEqual(['shares', 'layers']);
  expect(await version('v1')).toEqual(before);
});

test(
  'a job whose compressor is killed goes on elsewhere and ends with the same bytes',
  { timeout: 180_000 },
  async () => {
    const how = own([TUNE, TUNE, TUNE, { kind: 'dynamic' }]);
    const calm = await submit({ model: 'moons', version: 'v1', how, publish: false });
    await until(calm.id, 'done');
    await region.startCompressor('compressor-2');
    const job = await submit({ model: 'moons', version: 'v1', how, publish: false });
    const busy = await waitUntil(
      'a step is safe',
      async () => {
        const record = await show(job.id);
        return record.checkpointStep === undefined ? undefined : record;
      },
      60_000,
    );
    await region.kill(busy.worker ?? '');
    expect((await until(job.id, 'done')).attempts).toBeGreaterThan(1);
    expect((await reportOf(job.id)).modelDigest).toBe((await reportOf(calm.id)).modelDigest);
  },
);

test(
  'a student learns from a teacher behind an endpoint, with labels and on samples without them; it shows no inner values',
  { timeout: 90_000 },
  async () => {
    await using teacher = await serveTeacher();
    const student = { from: 'network' as const, network: { kind: 'mlp' as const, hidden: [8] } };
    const distil = { kind: 'distil' as const, teacher: { endpoint: 'wise' }, steps: 300, rate: 0.01 };
    const small = await submit({
      model: 'moons',
      version: 'v1',
      label: 'student',
      how: own([{ ...distil, student }]),
    });
    expect((await until(small.id, 'done')).result?.size).toBeLessThan(0.2);
    expect((await reportOf(small.id)).candidate.quality).toBeGreaterThan(0.7);

    const lines = Array.from({ length: 12 }, (_, line) =>
      Float32Array.from({ length: 32 }, (__, i) => Math.sin(7 * line + 3 * i) * 1.5),
    );
    const how = own([{ ...distil, steps: 30 }], { ...WIDE, drop: 0 });
    const live = { model: 'moons', version: 'student', how, data: { kind: 'live' as const }, publish: false };
    // What engines keep of callers' requests comes from an auditor.
    const auditor = answerSamples(lines);
    const followed = await submit(live);
    expect(followed.job.data).toMatchObject({ kind: 'samples', file: { name: 'moons.live.jsonl' } });
    await expect(submit({ ...live, data: { kind: 'live', since: '2100-01-01T00:00:00Z' } })).rejects.toThrow(
      /0 requests were kept since 2100/,
    );
    auditor.unsubscribe();
    await until(followed.id, 'done');
    const { figure, parent, candidate } = await reportOf(followed.id);
    expect(figure).toBe('agreement');
    expect(candidate.quality).toBeGreaterThanOrEqual(parent.quality);
    expect(teacher.rows()).toBeGreaterThan(16 * 12);

    const nobody = own([{ ...distil, teacher: { endpoint: 'wise' }, hints: 1 }]);
    const { error } = await until(
      (await submit({ model: 'moons', version: 'v1', how: nobody })).id,
      'failed',
    );
    expect(error).toMatchObject({
      code: 'MODEL_REFUSED',
      message: expect.stringContaining('no inner values'),
    });
  },
);

test('what breaks its budget is refused with its figures, and what cannot be done with a reason', async () => {
  const large = await submit({
    model: 'moons',
    version: 'v1',
    label: 'never',
    how: own([{ kind: 'dynamic' }], { ...WIDE, size: 0.01 }),
  });
  const { error } = await until(large.id, 'failed');
  expect(error).toMatchObject({
    code: 'BUDGET_MISSED',
    message: expect.stringContaining('0.01 were allowed'),
  });
  expect((await reportOf(large.id)).refused).toHaveLength(1);
  await expect(version('never')).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' });

  const bytes = Buffer.from('{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]}\n');
  const file = { name: 'calls.jsonl', digest: DIGEST(bytes), bytes: bytes.length };
  const data = { kind: 'samples' as const, file };
  const how = own([{ kind: 'static' }]);
  await expect(submit({ model: 'moons', version: 'v1', how, data })).rejects.toMatchObject({
    code: 'DATA_REFUSED',
  });
  await region.upload(file.digest, bytes);
  const bad = await until((await submit({ model: 'moons', version: 'v1', how, data })).id, 'failed');
  expect(bad.error).toMatchObject({
    code: 'DATA_REFUSED',
    message: expect.stringContaining('calls.jsonl row 1'),
  });
  await expect(submit({ model: 'nothing', how })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
  const order = await until(
    (await submit({ model: 'moons', version: 'v1', how: own([{ kind: 'dynamic' }, TUNE]) })).id,
    'failed',
  );
  expect(order.error).toMatchObject({ code: 'BAD_REQUEST' });
});

test(
  'a target is met by a recipe of the table, of a small device too, or refused; a job that is cancelled ends',
  { timeout: 90_000 },
  async () => {
    const target = { size: 0.3, drop: 0.5, budgetMs: 4_000 };
    const { id } = await submit({
      model: 'moons',
      version: 'v1',
      publish: false,
      how: { kind: 'target', target },
    });
    const { result } = await until(id, 'done');
    expect(result?.size).toBeLessThanOrEqual(target.size);
    const { trials, name, refused, parent, candidate } = await reportOf(id);
    expect(refused).toEqual([]);
    expect(candidate.bytes / parent.bytes).toBe(result?.size);
    expect(trials.find((one) => one.name === name)).toMatchObject({ meets: true });
    expect(trials.filter(({ pareto }) => pareto).length).toBeGreaterThan(0);
    expect(trials.map((one) => one.name)).toContain('int8');

    const never = { size: 0.001, drop: 0.5, budgetMs: 1_000 };
    const missed = await submit({ model: 'moons', version: 'v1', how: { kind: 'target', target: never } });
    const { error } = await until(missed.id, 'failed');
    expect(error).toMatchObject({
      code: 'BUDGET_MISSED',
      message: expect.stringContaining('0.001 were allowed'),
    });

    const edge = { kind: 'edge' as const, drop: 0.5, budgetMs: 2_000 };
    const small = await submit({ model: 'moons', version: 'v1', how: edge, publish: false });
    await until(small.id, 'done');
    const found = (await reportOf(small.id)).edge;
    expect(found?.bytes).toBeLessThan(parent.bytes);
    expect(found?.latencyMs).toBeGreaterThan(0);
    const tiny = { ...edge, edge: { bytes: 1_000 } };
    const tight = await submit({ model: 'moons', version: 'v1', how: tiny });
    expect((await until(tight.id, 'failed')).error).toMatchObject({
      code: 'BUDGET_MISSED',
      message: expect.stringContaining('bytes; 1000 were allowed'),
    });

    const long = await submit({ model: 'moons', version: 'v1', how: own([{ ...TUNE, steps: 90_000 }]) });
    await until(long.id, 'working');
    await ask('cancel', CompressReply, { id: long.id });
    await until(long.id, 'cancelled');
    expect((await ask('jobs', CompressJobsReply, {})).jobs.map((job) => job.id)).toContain(long.id);
  },
);
