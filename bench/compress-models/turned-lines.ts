// The classifier of text lines of bench compress, which tells those that stand on their head: many thin layers, to which 4 bits do
// what they do not do to the digits, and feedback has something to get back.
import { Graph } from '../../services/onnx/graph.js';
import { quantizeWithFeedback } from '../../services/onnx/quantize/feedback.js';
import { calibrated, writeStatic } from '../../services/onnx/quantize/static.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { float32, floatValues, int64, numberValues, type Tensor } from '../../services/onnx/tensor.js';
import { ocrClassifier } from '../../services/onnx/testing/real-models.js';
import type { Batches } from '../../services/onnx/training/tune.js';
import type { Size, Subject } from './subject.js';
import { writtenLines } from './written-lines.js';

const [PLANES, HEIGHT, WIDTH] = [3, 48, 192];
const BATCH = 16;
const STEP = 37; // columns from one cut to the next
/** Batches to learn from, to choose by, to judge by. */
const [LEARNED, CHOOSING, JUDGING] = [32, 12, 24];

export async function turnedSubject({ feedbackSteps: steps }: Size): Promise<Subject> {
  const parent = ocrClassifier();
  const all = turnedBatches(LEARNED + CHOOSING + JUDGING);
  const learning = all.slice(0, LEARNED);
  const [choosing, judging] = [all.slice(LEARNED, LEARNED + CHOOSING), all.slice(LEARNED + CHOOSING)];
  const samples = (): Tensors[] => learning.slice(0, 2).map(({ x }) => ({ x }));
  const found = await calibrated(parent, samples());
  const weights = Graph.read(found.prepared).proto.initializer.filter(({ dims }) => dims.length > 1);
  const fourBits = new Set(weights.map(({ name }) => name));
  const batches: Batches = {
    loss: { kind: 'crossEntropy' },
    bind: {
      'p2o.DynamicDimension.0': BATCH,
      'p2o.DynamicDimension.1': HEIGHT,
      'p2o.DynamicDimension.2': WIDTH,
    },
    batch: (step) => learning[step] ?? {},
    count: LEARNED,
  };
  const measure = (model: Uint8Array): Promise<number> => shareTold(model, choosing);
  const feedback = await quantizeWithFeedback(parent, {
    measure,
    batches,
    samples,
    steps,
    fourBits,
    drop: 0.005,
    rate: 1e-3,
  });
  for (const { what, figure } of feedback.trials)
    console.log(`feedback on turned lines: ${what}: ${(100 * figure).toFixed(2)} %`);
  const float = await shareTold(parent, judging);
  return {
    model: 'line classifier',
    parent,
    feeds: { x: oneLine(learning) },
    methods: {
      'static int8': writeStatic(found).model,
      'all int4': writeStatic(found, { fourBits }).model,
      feedback: feedback.model,
    },
    drop: async (model) => 100 * (float - (await shareTold(model, judging))),
  };
}

interface TurnedBatch extends Tensors {
  readonly x: Tensor;
  readonly labels: Tensor;
}

/** Every second line upside down, each cut where another place begins. */
function turnedBatches(count: number): TurnedBatch[] {
  const lines = writtenLines(count * BATCH);
  return Array.from({ length: count }, (_, i) => {
    const rows = new Float32Array(BATCH * PLANES * HEIGHT * WIDTH);
    const labels = Array.from({ length: BATCH }, (__, row) => row % 2);
    labels.forEach((turned, row) => {
      const { x } = lines[i * BATCH + row]?.inputs ?? {};
      if (x !== undefined) rows.set(cut(x, i * BATCH + row, turned === 1), row * PLANES * HEIGHT * WIDTH);
    });
    return { x: float32([BATCH, PLANES, HEIGHT, WIDTH], rows), labels: int64([BATCH], labels) };
  });
}

function cut(line: Tensor, place: number, turned: boolean): Float32Array {
  const values = floatValues(line);
  const length = line.dims[3] ?? WIDTH;
  const from = (place * STEP) % Math.max(1, length - WIDTH);
  const seen = new Float32Array(PLANES * HEIGHT * WIDTH).fill(1);
  for (let row = 0; row < PLANES * HEIGHT; row++)
    seen.set(
      values.subarray(row * length + from, row * length + Math.min(length, from + WIDTH)),
      row * WIDTH,
    );
  if (turned)
    for (let plane = 0; plane < PLANES; plane++)
      seen.subarray(plane * HEIGHT * WIDTH, (plane + 1) * HEIGHT * WIDTH).reverse();
  return seen;
}

/** Share of the lines of which it says rightly whether they stand on their head. */
async function shareTold(model: Uint8Array, batches: readonly TurnedBatch[]): Promise<number> {
  await using session = await openSession(model);
  let right = 0;
  for (const { x, labels } of batches) {
    const [scores] = Object.values(await session.run({ x }));
    const values = floatValues(scores ?? float32([0], []));
    right += numberValues(labels).filter(
      (label, row) => ((values[2 * row + 1] ?? 0) > (values[2 * row] ?? 0) ? 1 : 0) === label,
    ).length;
  }
  return right / (batches.length * BATCH);
}

/** The first line alone, to time. */
const oneLine = ([batch]: readonly TurnedBatch[]): Tensor =>
  float32(
    [1, PLANES, HEIGHT, WIDTH],
    floatValues(batch?.x ?? float32([0], [])).slice(0, PLANES * HEIGHT * WIDTH),
  );
