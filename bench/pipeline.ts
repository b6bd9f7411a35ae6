// What does a pipeline cost? A page of five lines through `ocr-page` as one endpoint, beside a caller that calls the three endpoints
// itself and runs the same functions between them; interleaved on one mesh.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { MassifClient } from '../client/mod.js';
import { readPage } from '../client/ocr/read-page.js';
import { eventually, startMesh, type DrillMesh } from '../chaos-tests/harness.js';
import { readLabels } from '../contracts/classification.js';
import { PipelineSpec } from '../contracts/pipeline.js';
import type { Tensor } from '../contracts/tensor.js';
import { root } from '../deploy/local/root.mjs';
import { applyProcessing } from '../services/shard/steps/catalogue.js';
import { joinRows, rowOf } from '../contracts/tensor-rows.js';
import { type Benchmark, percentile, round } from './report.js';

const ASSETS = join(root, 'node_modules', '@gutenye', 'ocr-models', 'assets');
const MODELS: Record<string, readonly [file: string, warmDims: Record<string, number>]> = {
  'ocr-detector': ['ch_PP-OCRv4_det_infer.onnx', { 'x:0': 1, 'x:2': 64, 'x:3': 64 }],
  'ocr-angle': ['ch_ppocr_mobile_v2.0_cls_infer.onnx', { 'x:0': 1, 'x:2': 48, 'x:3': 192 }],
  ocr: ['ch_PP-OCRv4_rec_infer.onnx', { 'x:0': 1, 'x:2': 48, 'x:3': 320 }],
};
const ROUNDS = { ci: 3, quick: 30, full: 150 } as const;
const IN_FLIGHT = 4;
/** What is compared is time, not who gives up first. */
const PATIENT = { timeoutMs: 60_000 };

type Reader = (image: Tensor) => Promise<readonly string[]>;

export const benchmark: Benchmark = async ({ form }) => {
  const examples = join(root, 'deploy', 'examples');
  const spec = JSON.parse(await readFile(join(examples, 'ocr-page.json'), 'utf8')) as z.input<
    typeof PipelineSpec
  >;
  const png = await readFile(join(examples, 'page.png'));
  await using mesh = await startMesh({ regions: ['east'], shardsPerRegion: 1 });
  await publish(mesh);
  await using client = await mesh.client();
  await client.registry.applyPipeline(spec);
  await eventually('the pipeline answers', () => readPage(png, asPipeline(client)));
  const image = await imageOf(png);
  const labels = readLabels(await readFile(join(ASSETS, 'ppocr_keys_v1.txt'), 'utf8'));
  const ways: Record<'pipeline' | 'caller', Reader> = {
    pipeline: async (page) =>
      texts((await client.infer(spec.name, { image: page }, PATIENT)).outputs['text']),
    caller: byHand(client, PipelineSpec.parse(spec), labels),
  };
  const [one, other] = [await ways.pipeline(image), await ways.caller(image)];
  if (one.join() !== other.join())
    throw new Error(`both ways must read the same: ${one.join()} / ${other.join()}`);

  const alone = await latencies(ways, image, ROUNDS[form]);
  const loaded = await throughput(ways, image, ROUNDS[form]);
  const p50 = (name: 'pipeline' | 'caller') => percentile(alone[name], 0.5);
  const rows = (['pipeline', 'caller'] as const).map((name) => ({
    way: name === 'pipeline' ? 'one endpoint' : 'caller calls three',
    'p50 ms': round(p50(name)),
    'p99 ms': round(percentile(alone[name], 0.99)),
    [`pages/s at ${IN_FLIGHT}`]: round(loaded[name]),
  }));
  console.table(rows);
  return {
    results: { rows, lines: one },
    aims: [
      {
        name: 'page latency against a caller that calls three',
        value: p50('pipeline') / p50('caller'),
        unit: 'x',
        aim: 1,
        op: '<=',
      },
      {
        name: 'pages a second against such a caller',
        value: loaded.pipeline / loaded.caller,
        unit: 'x',
        aim: 1,
        op: '>=',
      },
    ],
  };
};

async function publish(mesh: DrillMesh): Promise<void> {
  for (const [name, [file, warmDims]] of Object.entries(MODELS)) {
    const files = [
      { name: 'model.onnx', path: join(ASSETS, file) },
      { name: 'card.json', bytes: Buffer.from(JSON.stringify({ warmDims })) },
      ...(name === 'ocr' ? [{ name: 'labels.txt', path: join(ASSETS, 'ppocr_keys_v1.txt') }] : []),
    ];
    await mesh.publish(name, files, 1);
  }
}

const asPipeline =
  (client: MassifClient) =>
  async (inputs: Parameters<MassifClient['infer']>[1]): Promise<Record<string, Tensor>> =>
    (await client.infer('ocr-page', inputs)).outputs;

async function imageOf(png: Uint8Array): Promise<Tensor> {
  let image: Tensor | undefined;
  await readPage(png, (inputs) => {
    const { data, shape } = inputs['image'] as { data: Uint8Array; shape: number[] };
    image = { name: 'image', datatype: 'UINT8', shape, data };
    return Promise.resolve({
      text: { name: 'text', datatype: 'BYTES', shape: [0], data: [] },
      boxes: { name: 'boxes', datatype: 'FP32', shape: [0, 4, 2], data: new Float32Array() },
    });
  });
  return image as Tensor;
}

/** What a caller without pipelines writes: the same steps, the tensors through its own hands. */
function byHand(client: MassifClient, spec: PipelineSpec, labels: readonly string[]): Reader {
  const surroundings = { labels };
  return async (image) => {
    const tensors = new Map<string, Tensor>([['image', image]]);
    for (const step of spec.steps) {
      const count = step.rows ? (tensors.get(step.rows.of[0] ?? '')?.shape[0] ?? 0) : 1;
      const scopes =
        step.rows?.run === 'each'
          ? Array.from({ length: count }, (_, row) => scopeOf(tensors, step.rows?.of ?? [], row))
          : [tensors];
      await Promise.all(
        scopes.map(async (scope) => {
          for (const one of step.before) applyProcessing(one, scope, surroundings);
          const inputs = Object.fromEntries(
            Object.entries(step.in).map(([port, name]) => [port, scope.get(name) as Tensor]),
          );
          const { outputs } = await client.infer(step.endpoint, inputs, PATIENT);
          for (const [port, name] of Object.entries(step.out))
            scope.set(name, { ...(outputs[port] as Tensor), name });
          for (const one of step.after) applyProcessing(one, scope, surroundings);
        }),
      );
      if (step.rows?.run === 'each')
        for (const name of ['text', 'scores'])
          tensors.set(
            name,
            joinRows(
              name,
              scopes.map((scope) => scope.get(name) as Tensor),
            ),
          );
    }
    return texts(tensors.get('text'));
  };
}

function scopeOf(
  tensors: ReadonlyMap<string, Tensor>,
  names: readonly string[],
  row: number,
): Map<string, Tensor> {
  const scope = new Map(tensors);
  for (const name of names) scope.set(name, rowOf(tensors.get(name) as Tensor, row));
  return scope;
}

const texts = (tensor: Tensor | undefined): string[] =>
  ((tensor?.data ?? []) as (string | Uint8Array)[]).map((one) =>
    typeof one === 'string' ? one : new TextDecoder().decode(one),
  );

async function latencies(ways: Record<'pipeline' | 'caller', Reader>, image: Tensor, rounds: number) {
  const taken = { pipeline: [] as number[], caller: [] as number[] };
  for (let i = 0; i < rounds; i++)
    for (const name of ['pipeline', 'caller'] as const) {
      const startedMs = performance.now();
      await ways[name](image);
      taken[name].push(performance.now() - startedMs);
    }
  return taken;
}

/** Pages a second with some in flight, in turns of one way and the other. */
async function throughput(ways: Record<'pipeline' | 'caller', Reader>, image: Tensor, rounds: number) {
  const seconds = { pipeline: 0, caller: 0 };
  const turns = Math.max(1, Math.round(rounds / 10));
  for (let turn = 0; turn < turns; turn++)
    for (const name of ['pipeline', 'caller'] as const) {
      const startedMs = performance.now();
      await Promise.all(Array.from({ length: IN_FLIGHT }, () => ways[name](image)));
      seconds[name] += (performance.now() - startedMs) / 1_000;
    }
  const pages = turns * IN_FLIGHT;
  return { pipeline: pages / seconds.pipeline, caller: pages / seconds.caller };
}
