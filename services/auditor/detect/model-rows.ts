// Runs a tapped model and takes its answers apart into rows: what calibration and challenge probes look at.
import { failure } from '../../../contracts/errors.js';
import type { Session } from '../../onnx/session.js';
import { float32, floatValues } from '../../onnx/tensor.js';
import { fromProbabilities, type Row } from './scores.js';

export interface RowSource {
  readonly session: Session;
  readonly input: string;
  /** Shape of one input, without its rows. */
  readonly shape: readonly number[];
  /** The output that holds class scores; of several steps a row, they are averaged as probabilities. */
  readonly output: string;
  readonly kind: 'logits' | 'probabilities';
  /** The output of the tap. */
  readonly tap?: string;
  /** Rows a run. 1 where the model takes no more. */
  readonly batch: number;
}

/** Inputs are flat, FP32. Throws DATA_REFUSED where the model does not give a row for each. */
export async function modelRows(source: RowSource, inputs: readonly Float32Array[]): Promise<Row[]> {
  const [rows = []] = await rowsByTap(source, source.tap === undefined ? [] : [source.tap], inputs);
  return rows;
}

/** The same with several taps in one run of the model: rows for each, in the order of the taps; without any, rows without features. */
export async function rowsByTap(
  source: Omit<RowSource, 'tap'>,
  taps: readonly string[],
  inputs: readonly Float32Array[],
): Promise<Row[][]> {
  const all: Row[][] = Array.from({ length: Math.max(1, taps.length) }, () => []);
  for (let from = 0; from < inputs.length; from += source.batch) {
    const part = inputs.slice(from, from + source.batch);
    const answers = await source.session.run({ [source.input]: stacked(part, source.shape) }, [
      source.output,
      ...taps,
    ]);
    const scores = rowsOf(answers[source.output], part.length, source.output);
    const features = taps.map((tap) => rowsOf(answers[tap], part.length, tap));
    part.forEach((input, i) => {
      const said = scores[i] ?? new Float32Array(0);
      const logits = source.kind === 'logits' ? said : fromProbabilities(said);
      all.forEach((rows, t) => {
        const feature = features[t]?.[i];
        rows.push({ input, logits, ...(feature === undefined ? {} : { feature }) });
      });
    });
  }
  return all;
}

function stacked(inputs: readonly Float32Array[], shape: readonly number[]) {
  const size = inputs[0]?.length ?? 0;
  const data = new Float32Array(inputs.length * size);
  inputs.forEach((input, i) => data.set(input, i * size));
  return float32([inputs.length, ...shape], data);
}

function rowsOf(
  tensor: Parameters<typeof floatValues>[0] | undefined,
  rows: number,
  name: string,
): Float32Array[] {
  if (tensor === undefined || tensor.dims[0] !== rows)
    throw failure('DATA_REFUSED', `The model gives no row of "${name}" for each of ${rows} inputs.`, {
      output: name,
    });
  const values = floatValues(tensor);
  const width = tensor.dims.at(-1) ?? 1;
  return Array.from({ length: rows }, (_, i) => {
    const own = values.subarray((i * values.length) / rows, ((i + 1) * values.length) / rows);
    return own.length === width ? own.slice() : meanRow(own, width);
  });
}

/** Steps of a sequence, or places of a map, as one row. */
export function meanRow(values: Float32Array, width: number): Float32Array {
  const steps = values.length / width;
  const mean = new Float32Array(width);
  for (let i = 0; i < values.length; i++)
    mean[i % width] = (mean[i % width] as number) + (values[i] as number) / steps;
  return mean;
}
