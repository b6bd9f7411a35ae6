// Plain requests as a proof, for a version of whatever origin: one body of the Open Inference Protocol a line. Of every four, two
// calibrate, one is for choosing, one for the report. Nobody says what the right answers are, so what counts is agreement with
// the parent; where a teacher behind an endpoint is learned from, with the teacher.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { toFailure } from '../../../contracts/errors.js';
import { decodeInferRequest } from '../../../contracts/infer-body.js';
import { dataTypeOfDatatype } from '../../onnx/data-type.js';
import { dataRefusal, rowOf } from '../../onnx/data/data-refusal.js';
import { Graph } from '../../onnx/graph.js';
import type { Teacher } from '../../onnx/distil/distil.js';
import { openSession, type Tensors } from '../../onnx/session.js';
import { floatValues, type Tensor } from '../../onnx/tensor.js';
import type { Elements } from '../../onnx/elements.js';
import type { HeldPart, Proof } from './proof.js';
import type { ProofOrder } from './work-order.js';

/** They are held in memory while the job runs. */
const LINES_MAX = 512;
const LEAST_LINES = 4;

/** Throws DATA_REFUSED with the line: no such body, inputs that the model does not take, values that are no numbers. */
export async function samplesProof(
  { name, path, digest }: Extract<ProofOrder, { kind: 'samples' }>,
  parent: Uint8Array,
  teacher?: Teacher,
): Promise<Proof> {
  await using session = await openSession(parent);
  const all: { readonly feeds: Tensors; readonly best: readonly number[] }[] = [];
  const graph = Graph.read(parent);
  let row = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    row++;
    if (line.trim() === '' || all.length >= LINES_MAX) continue;
    const feeds = feedsOf(line, graph, rowOf(name, row));
    all.push({
      feeds,
      best: await bestOf(teacher ?? ((inputs) => session.run(inputs)), feeds, rowOf(name, row)),
    });
  }
  const [first] = all;
  if (first === undefined || all.length < LEAST_LINES)
    throw dataRefusal(name, `it holds ${all.length} requests; at least ${LEAST_LINES} are needed.`);
  const part = (...of: number[]) => all.filter((_, i) => of.includes(i % 4));
  const held = { choice: part(1), test: part(3) };
  return {
    figure: 'agreement',
    samples: () => part(0, 2).map(({ feeds }) => feeds),
    measure: async (model, which: HeldPart) => {
      await using candidate = await openSession(model);
      let [same, count] = [0, 0];
      for (const { feeds, best } of held[which]) {
        const found = await bestOf((inputs) => candidate.run(inputs), feeds, 'held');
        best.forEach((place, i) => (same += place === found[i] ? 1 : 0));
        count += best.length;
      }
      return same / Math.max(1, count);
    },
    examples: held.test.length,
    feeds: first.feeds,
    digest,
  };
}

function feedsOf(line: string, graph: Graph, at: string): Tensors {
  try {
    const { inputs } = decodeInferRequest(new TextEncoder().encode(line), undefined);
    const wanted = graph.inputs.map((input) => input.name);
    const missing = wanted.find((one) => inputs.every((input) => input.name !== one));
    const stranger = inputs.find((input) => !wanted.includes(input.name));
    if (missing !== undefined) throw dataRefusal(at, `the input "${missing}" is missing.`);
    if (stranger !== undefined) throw dataRefusal(at, `the model has no input "${stranger.name}".`);
    return Object.fromEntries(
      inputs.map((input): [string, Tensor] => {
        const data = input.data as Elements;
        if (data instanceof Float32Array && !data.every((value) => Number.isFinite(value)))
          throw dataRefusal(at, `"${input.name}" holds a value that is NaN or infinite.`);
        const dataType = dataTypeOfDatatype(input.datatype);
        if (dataType === undefined) throw dataRefusal(at, `${input.datatype} cannot be fed.`);
        return [input.name, { dataType, dims: [...input.shape], data }];
      }),
    );
  } catch (error) {
    const known = toFailure(error);
    throw known.code === 'DATA_REFUSED' ? known : dataRefusal(at, known.message, error);
  }
}

/** The place of the highest value in each row of the last axis of the first output; where a row holds one value, the value in hundredths. */
async function bestOf(ask: Teacher, feeds: Tensors, at: string): Promise<number[]> {
  let answer: Tensor | undefined;
  try {
    [answer] = Object.values(await ask(feeds));
  } catch (error) {
    const known = toFailure(error);
    throw known.retryable ? known : dataRefusal(at, known.message, error);
  }
  if (answer === undefined) return [];
  const values = floatValues(answer);
  const width = answer.dims.at(-1) ?? 1;
  if (width < 2) return Array.from(values, (value) => Math.round(value * 100));
  return Array.from({ length: values.length / width }, (_, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
}
