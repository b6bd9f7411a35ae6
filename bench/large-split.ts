// A model that no file and no engine's limit holds: generated with its weights outside the graph, pushed, split while they stream past, served
// from its stages on a mesh of one region. What is looked at is the memory of all of it: every process of the mesh and this one.
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { eventually, startMesh } from '../chaos-tests/harness.js';
import { runCommandLine } from '../client/cli/command-line.js';
import { GraphBuilder } from '../services/onnx/builder.js';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  TensorProto_DataType as T,
  TensorProtoSchema,
} from '../services/onnx/proto/onnx_pb.js';
import { treeMemory, type TreeMemory } from './large-split/tree-memory.js';
import { type Benchmark, round } from './report.js';

const MIB = 1_048_576;
/** Layers of WIDTH x WIDTH float32, and how many stages they are cut into. */
const FORMS = {
  ci: { width: 512, layers: 4, stages: 2, restMs: 100 },
  quick: { width: 2_048, layers: 16, stages: 4, restMs: 3_000 },
  full: { width: 4_096, layers: 40, stages: 8, restMs: 3_000 },
} as const;
const PATIENT = { timeoutMs: 60_000 };
/** A look at all processes takes some milliseconds of a core. */
const LOOK_EVERY_MS = 250;
/** Every row of every layer: one weight of this, so that what comes out is known. */
const GAIN = 0.5;

export const benchmark: Benchmark = async ({ form }) => {
  const { width, layers, stages, restMs } = FORMS[form];
  const bytes = layers * width * width * 4;
  const folder = mkdtempSync(join(tmpdir(), 'massif-large-split-'));
  await using mesh = await startMesh({ regions: ['east'], shardsPerRegion: 1 });
  try {
    const weights = join(folder, 'weights.bin');
    await writeWeights(weights, width, layers);
    await using client = await mesh.client();
    const command = async (...args: string[]): Promise<string> => {
      let told = '';
      const write = (text: string): void => void (told += `${text}\n`);
      const code = await runCommandLine([...args, '--nats', mesh.natsUrls.join(',')], {
        env: { MASSIF_KEYS: mesh.topology.keys },
        cwd: folder,
        isRunning: () => false,
        signal: new AbortController().signal,
        write,
        writeNote: write,
      });
      if (code !== 0) throw new Error(told);
      return told;
    };
    const model = join(folder, 'model.onnx');
    const file = createWriteStream(model);
    file.end(modelOf(width, layers));
    await once(file, 'close');
    const base = treeMemory();
    let peak = base;
    const look = (): void => {
      const now = treeMemory();
      if (total(now) > total(peak)) peak = now;
    };
    const watch = setInterval(look, LOOK_EVERY_MS);
    const steps: Record<string, Step> = {};
    const step = async <R>(name: string, work: () => Promise<R>): Promise<R> => {
      const started = performance.now();
      peak = treeMemory();
      const result = await work();
      look();
      const found = { seconds: (performance.now() - started) / 1_000, ...growth(base, peak) };
      steps[name] = found;
      // The full form takes minutes: what was seen is said at once.
      console.log(`${name}: ${JSON.stringify(found)}`);
      return result;
    };
    await step('push', () =>
      command('push', model, '--name', 'large', '--label', '1', '--external', weights),
    );
    await step('split', () => command('split', 'large', '--stages', String(stages), '--link', '0,100000'));
    const x = { data: new Float32Array(width).fill(1), shape: [1, width] };
    const infer = async () =>
      (await client.infer('large-split', { x }, PATIENT)).outputs['y']?.data as Float32Array;
    const answer = await step('serve', () => eventually('every stage serves', infer, 300_000));
    await step('rest', () => new Promise((resolve) => setTimeout(resolve, restMs)));
    clearInterval(watch);
    // Each layer is GAIN times a permutation, so every number of the answer is GAIN to the number of layers, exactly.
    const wrong = [...answer].filter((value) => value !== GAIN ** layers).length;
    const most = Math.max(...Object.values(steps).map(({ anonymousMiB, fileMiB }) => anonymousMiB + fileMiB));
    console.table(
      Object.entries(steps).map(([name, { seconds, anonymousMiB, fileMiB, byKindMiB }]) => ({
        step: name,
        seconds: round(seconds),
        anonymous: round(anonymousMiB),
        'of files': round(fileMiB),
        'x the model': round(((anonymousMiB + fileMiB) * MIB) / bytes),
        ...byKindMiB,
      })),
    );
    return {
      results: { modelMiB: bytes / MIB, stages, steps, baseMiB: total(base) / MIB },
      aims: [
        { name: 'numbers that came out wrong', value: wrong, unit: '', aim: 0, op: '<=' },
        ...(form === 'ci'
          ? []
          : [
              {
                name: 'memory over all / model',
                value: (most * MIB) / bytes,
                unit: 'x',
                aim: 1.25,
                op: '<=' as const,
              },
            ]),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

interface Step {
  readonly seconds: number;
  /** At the moment of the most of both together, above the idle mesh. */
  readonly anonymousMiB: number;
  readonly fileMiB: number;
  readonly byKindMiB: Readonly<Record<string, number>>;
}

const total = ({ anonymousBytes, fileBytes }: TreeMemory): number => anonymousBytes + fileBytes;

function growth(base: TreeMemory, at: TreeMemory): Omit<Step, 'seconds'> {
  const kinds = Object.entries(at.byKind).map(([kind, bytes]): [string, number] => [
    kind,
    Math.round((bytes - (base.byKind[kind] ?? 0)) / MIB),
  ]);
  return {
    anonymousMiB: (at.anonymousBytes - base.anonymousBytes) / MIB,
    fileMiB: (at.fileBytes - base.fileBytes) / MIB,
    byKindMiB: Object.fromEntries(kinds.filter(([, mib]) => Math.abs(mib) >= 5)),
  };
}

function modelOf(width: number, layers: number): Uint8Array {
  const g = new GraphBuilder({ opset: 17, name: 'large' });
  const entry = (key: string, value: number | string) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) });
  let value = g.input('x', T.FLOAT, ['batch', width]);
  for (let layer = 0; layer < layers; layer++) {
    const weight = g.initializer(
      create(TensorProtoSchema, {
        name: `w${layer}`,
        dataType: T.FLOAT,
        dims: [BigInt(width), BigInt(width)],
        dataLocation: Location.EXTERNAL,
        externalData: [entry('location', 'weights.bin'), entry('offset', layer * width * width * 4)],
      }),
    );
    value = g.op('MatMul', [value, weight], {}, layer === layers - 1 ? { outputs: ['y'] } : {});
  }
  g.output('y', T.FLOAT, ['batch', width]);
  return g.bytes();
}

/** Layer k sends number i to place i + k + 1, halved; a row at a time. */
async function writeWeights(path: string, width: number, layers: number): Promise<void> {
  const file = createWriteStream(path);
  for (let layer = 0; layer < layers; layer++)
    for (let row = 0; row < width; row++) {
      const values = new Float32Array(width);
      values[(row + layer + 1) % width] = GAIN;
      if (!file.write(new Uint8Array(values.buffer))) await once(file, 'drain');
    }
  file.end();
  await once(file, 'close');
}
