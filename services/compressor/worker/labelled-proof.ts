// Labelled data as a proof: the same preparation as in training, with the codes and tokens that the version knows, in three parts. What
// is learned comes from the first, what is chosen goes by the second, what is reported by the third.
import { failure } from '../../../contracts/errors.js';
import { TokenSpec } from '../../../contracts/train-job.js';
import { ExampleFile } from '../../onnx/data/example-file.js';
import { checkFits, describeData, type ParentModel, readParent } from '../../onnx/data/described-model.js';
import { measure } from '../../onnx/data/evaluate.js';
import { firstModel } from '../../onnx/data/first-model.js';
import { inputTensor, targetTensor } from '../../onnx/data/feed.js';
import { partFile, type Prepared, readPrepared } from '../../onnx/data/prepared.js';
import { prepare } from '../../onnx/data/prepare.js';
import { permutation } from '../../onnx/data/split.js';
import { INPUT, SCORES } from '../../onnx/data/trained-names.js';
import { openSession, type Tensors } from '../../onnx/session.js';
import type { Loss } from '../../onnx/training/loss.js';
import type { HeldPart, Proof } from './proof.js';
import type { ProofOrder, WorkOrder } from './work-order.js';

const LABELS = 'labels';
const BATCH_MAX = 64;
const SAMPLES = 32;
const SAMPLE_ROWS = 8;

/** Throws DATA_REFUSED where data and version do not fit, MODEL_REFUSED for a version that no training made. */
export async function labelledProof(
  folder: string,
  order: WorkOrder,
  { data, split, tokens }: Extract<ProofOrder, { kind: 'labelled' }>,
  model: Uint8Array,
): Promise<Proof> {
  const parent = readParent(model);
  const place = { folder, files: order.files, datasetsDir: undefined, like: parent.features };
  const prepared =
    readPrepared(folder) ?? (await prepare({ data, split, tokens: tokens ?? tokensOf(parent) }, place));
  checkFits(parent, prepared);
  // A number is learned in the unit that the version learned it in.
  const learned = { ...prepared, ...(parent.target === undefined ? {} : { target: parent.target }) };
  const open = (part: 'train' | 'validation' | 'test') => new ExampleFile(partFile(folder, part), prepared);
  const { train: count, validation, test } = prepared.counts;
  if (count === 0 || validation === 0 || test === 0)
    throw failure(
      'DATA_REFUSED',
      `The data leave ${count} examples to learn from, ${validation} to choose by and ${test} to prove it on; each part needs some.`,
    );
  const examples = open('train');
  const order1 = permutation(count, order.job.seed);
  const size = Math.min(BATCH_MAX, count);
  const rows = (from: number, many: number): Tensors => ({
    [INPUT]: inputTensor(examples.batch(order1.subarray(from, from + many)), prepared),
  });
  const batch = (step: number): Tensors => {
    const drawn = examples.batch(order1.subarray(step * size, (step + 1) * size));
    return { [INPUT]: inputTensor(drawn, prepared), [LABELS]: targetTensor(drawn, learned) };
  };
  const rowsName = parent.graph.declaredType(INPUT)?.shape?.[0];
  const measured = async (candidate: Uint8Array, part: HeldPart): Promise<number> => {
    await using session = await openSession(candidate, { threads: order.threads, spinning: false });
    using held = open(part === 'test' ? 'test' : 'validation');
    const { accuracy, r2 } = (await measure(session, held, { prepared: learned })).quality;
    return accuracy ?? r2 ?? 0;
  };
  return {
    figure: prepared.target === undefined ? 'accuracy' : 'R2',
    batches: {
      loss: lossOf(learned),
      bind: typeof rowsName === 'string' ? { [rowsName]: size } : {},
      batch,
      count: Math.floor(count / size),
    },
    samples: () =>
      Array.from({ length: Math.min(SAMPLES, Math.ceil(count / SAMPLE_ROWS)) }, (_, i) =>
        rows(i * SAMPLE_ROWS, SAMPLE_ROWS),
      ),
    network: (network) => {
      const graph = firstModel(learned, network, order.job.seed);
      describeData(graph, learned);
      return graph.write();
    },
    measure: measured,
    examples: test,
    feeds: rows(0, 1),
    digest: prepared.digest,
  };
}

function lossOf({ target, targetSize }: Prepared): Loss {
  if (target !== undefined) return { kind: 'squares', output: SCORES, targets: LABELS };
  return { kind: 'crossEntropy', labels: LABELS, ...(targetSize > 1 ? { classAxis: -1 as const } : {}) };
}

function tokensOf({ features, graph }: ParentModel): TokenSpec {
  const length = graph.declaredType(INPUT)?.shape?.[1];
  if (features.kind !== 'tokens' || typeof length !== 'number') return TokenSpec.parse({});
  return TokenSpec.parse({ method: features.method, vocabulary: features.vocabulary, length });
}
