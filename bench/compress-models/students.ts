// Students of the digits network of bench compress: what is left of it at 0.15 of the multiplications, learning from the whole of it; the same
// on labels alone, with the weights that are left of the teacher's and from the beginning; one whose teacher answers for digits that nobody labelled, beside what the few labels there are would teach it;
// one that saw noise, one that saw none; one that follows a drift on batches nobody labelled.
import type { CompressionRecipe } from '../../contracts/compression-recipe.js';
import { Graph } from '../../services/onnx/graph.js';
import { distilled } from '../../services/onnx/distil/distil.js';
import { taught, type DistilStep } from '../../services/onnx/distil/teach.js';
import { taylor } from '../../services/onnx/prune/saliency.js';
import { thin } from '../../services/onnx/prune/thin.js';
import { seeded } from '../../services/onnx/seeded.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { float32, floatValues } from '../../services/onnx/tensor.js';
import { findParameters } from '../../services/onnx/training/parameters.js';
import { tuned, type Batches } from '../../services/onnx/training/tune.js';
import type { Aim } from '../report.js';

export type Seen = (pixels: Float32Array) => Float32Array;
type Accuracy = (model: Uint8Array, seen?: Seen) => Promise<number>;
type Kind = CompressionRecipe['steps'][number]['kind'];

const KEEP = 0.15;
const RATE = 8e-3;
/** Of weights that know nothing: at the rate above they learn less. */
const RATE_ANEW = 2e-3;
const DRIFT_BATCHES = 50;
/** Of 64 digits each: who compresses a model of somebody else's has requests by the thousand, and labels for some of them. */
const LABELLED_BATCHES = 8;
const FEW_BATCHES = 20; // as teach.ts has it, so that the same channels stay

const STEP = {
  kind: 'distil' satisfies Kind,
  student: { from: 'parent', keep: KEEP },
  share: 0.9,
  temperature: 2,
  rate: RATE,
} as const;

export async function studentsOf(
  parent: Uint8Array,
  seed: number,
  batches: Batches,
  accuracy: Accuracy,
  steps: number,
) {
  const lesson = { parent, batches, threads: 1 };
  const teach = async (more: Partial<DistilStep>): Promise<Uint8Array> =>
    (await taught(parent, { ...STEP, hints: 0, jitter: 0, steps, ...more }, lesson)).model;
  const [student, jittered, unlabelled] = [
    await teach({}),
    await teach({ jitter: 0.7 }),
    await teach({ share: 1 }),
  ];
  const learnAnew = (from: Batches) => tuned(begunAnew(student, seed + 1), from, { steps, rate: RATE_ANEW });
  const alone = await learnAnew(batches);
  const fewLabels = await learnAnew({ ...batches, count: LABELLED_BATCHES });
  const few = { ...batches, count: FEW_BATCHES };
  const left = thin(parent, { saliency: await taylor(parent, few), keep: KEEP }).model;
  const tunedAlone = await tuned(left, batches, { steps, rate: RATE });
  const aims = [
    parametersAim('student', parent, student),
    await noiseAim(student, jittered, accuracy, seed),
    await driftAim(parent, student, batches, accuracy),
  ];
  return { alone, tunedAlone, fewLabels, distilled: student, unlabelled, aims };
}

/** The same layers with weights that know nothing (He et al., 2015). */
function begunAnew(model: Uint8Array, seed: number): Uint8Array {
  const graph = Graph.read(model);
  const random = seeded(seed);
  for (const name of findParameters(graph)) {
    const { dims = [] } = graph.constant(name) ?? {};
    const count = dims.reduce((a, b) => a * b, 1);
    const reads = dims.length === 4 ? count / (dims[0] ?? 1) : (dims[0] ?? 1);
    const values = dims.length < 2 ? new Float32Array(count) : random.normals(count, Math.sqrt(2 / reads));
    graph.setConstant(name, float32(dims, values));
  }
  return graph.write();
}

export function parametersAim(what: string, parent: Uint8Array, student: Uint8Array): Aim {
  const count = (model: Uint8Array): number =>
    Graph.read(model).proto.initializer.reduce(
      (sum, { dims }) => sum + dims.reduce((product, dim) => product * Number(dim), 1),
      0,
    );
  const value = count(student) / count(parent);
  return { name: `${what}, parameters of its teacher`, value, unit: 'x', aim: 0.1, op: '<=' };
}

/** What both lose when a test digit comes with noise. */
async function noiseAim(
  plain: Uint8Array,
  jittered: Uint8Array,
  accuracy: Accuracy,
  seed: number,
): Promise<Aim> {
  const lost = async (model: Uint8Array): Promise<number> => {
    const random = seeded(seed);
    const noisy: Seen = (pixels) => pixels.map((value) => value + 0.3 * random.normal());
    return (await accuracy(model)) - (await accuracy(model, noisy));
  };
  const [own, other] = [await lost(jittered), await lost(plain)];
  console.log(`noise: the plain student loses ${points(other)}, the one that saw noise ${points(own)}`);
  return {
    name: 'jitter, loss under noise of the plain one',
    value: own / other,
    unit: 'x',
    aim: 0.5,
    op: '<=',
  };
}

/** Paper becomes grey and ink faint. The teacher makes the picture what it was and asks the parent; nobody labels anything. */
async function driftAim(
  parent: Uint8Array,
  student: Uint8Array,
  batches: Batches,
  accuracy: Accuracy,
): Promise<Aim> {
  const drifted: Seen = (pixels) => pixels.map((value) => 0.4 + 0.4 * value);
  const mended: Seen = (pixels) => pixels.map((value) => (value - 0.4) / 0.4);
  await using session = await openSession(parent);
  const through = ({ image }: Tensors, see: Seen): Tensors =>
    image === undefined ? {} : { image: float32(image.dims, see(floatValues(image))) };
  const learned = await distilled(student, {
    teacher: (inputs) => session.run(through(inputs, mended)),
    batches: {
      ...batches,
      count: DRIFT_BATCHES,
      batch: async (step) => through(await batches.batch(step), drifted),
    },
    share: 1,
    steps: DRIFT_BATCHES,
    rate: 1e-2,
  });
  const [before, after, clean] = [
    await accuracy(student, drifted),
    await accuracy(learned, drifted),
    await accuracy(student),
  ];
  console.log(`drift: ${points(clean)} before, ${points(before)} after it, ${points(after)} with 50 batches`);
  const value = (after - before) / (clean - before);
  return { name: 'drift, regained within 50 batches', value, unit: 'x', aim: 0.9, op: '>=' };
}

const points = (share: number): string => `${(100 * share).toFixed(2)} points`;
