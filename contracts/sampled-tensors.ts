// Samples as what they were taken from: tensors again, bodies to send once more, and how far an answer lies from the one that was kept. `massif samples`,
// `massif replay` and the compressor use it.
import {
  type Sample,
  type SampledTensor,
  SAMPLES_OF_MODEL,
  type SamplesReply,
  type SamplesRequest,
} from './sampling.js';
import { elementCount, fromBlob, type Tensor } from './tensor.js';
import { toJsonText } from './tensor-json.js';

/** Newest first, `last` at most; `ask` reaches an auditor, which answers in parts that one message carries. */
export async function newestSamples(
  ask: (request: SamplesRequest) => Promise<SamplesReply>,
  { model, by, last = SAMPLES_OF_MODEL }: Pick<SamplesRequest, 'model' | 'by'> & { readonly last?: number },
): Promise<Sample[]> {
  const found: Sample[] = [];
  let before = 0;
  do {
    const reply = await ask({ model, count: last - found.length, before, by });
    found.push(...reply.samples);
    before = reply.before;
  } while (before > 0 && found.length < last);
  return found;
}

/** Undefined where its values were not kept, or not as they were. */
export function tensorOf({ name, datatype, shape, data, masked }: SampledTensor): Tensor | undefined {
  if (data === undefined || masked !== undefined) return undefined;
  const blob = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return { name, datatype, shape, data: fromBlob(name, datatype, elementCount(shape, name), blob) };
}

/** Undefined where an input was not kept whole: then the request cannot be asked again. */
export function inputsOf({ inputs }: Pick<Sample, 'inputs'>): Tensor[] | undefined {
  const tensors = inputs.map(tensorOf);
  return tensors.every((one) => one !== undefined) ? tensors : undefined;
}

/** A body of the Open Inference Protocol on one line, as `massif watch --reference` and `massif compress --samples` read them. */
export function bodyLine(inputs: readonly Tensor[]): string {
  const parts = inputs.map((tensor) => {
    const { name, datatype, shape } = tensor;
    return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":${JSON.stringify(shape)},"data":${toJsonText(tensor)}}`;
  });
  return `{"inputs":[${parts.join(',')}]}`;
}

export interface Difference {
  /** Outputs that both have, with as many numbers. */
  readonly compared: number;
  /** Largest |a - b| over max(1, |a|). */
  readonly largest: number;
  /** Another class: the arg-max of an output's last axis, of the first row. */
  readonly otherClass: boolean;
}

export function differenceOf(
  kept: readonly Tensor[],
  answered: Readonly<Record<string, { readonly data: Tensor['data'] }>>,
): Difference {
  let [compared, largest, otherClass] = [0, 0, false];
  for (const { name, data, shape } of kept) {
    const other = answered[name]?.data;
    if (other === undefined || other.length !== data.length) {
      largest = Infinity;
      continue;
    }
    compared++;
    for (let i = 0; i < data.length; i++) largest = Math.max(largest, apart(data[i], other[i]));
    const classes = shape.at(-1) ?? 0;
    if (classes > 1 && argMax(data, classes) !== argMax(other, classes)) otherClass = true;
  }
  return { compared, largest, otherClass };
}

function apart(a: Tensor['data'][number] | undefined, b: Tensor['data'][number] | undefined): number {
  if (typeof a === 'string' || typeof b === 'string' || typeof a === 'object' || typeof b === 'object')
    return textOf(a) === textOf(b) ? 0 : Infinity;
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) === Number.isNaN(y) ? 0 : Infinity;
  return x === y ? 0 : Math.abs(x - y) / Math.max(1, Math.abs(x));
}

const textOf = (one: unknown): string =>
  one instanceof Uint8Array ? new TextDecoder().decode(one) : String(one);

function argMax(data: Tensor['data'], count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (Number(data[i]) > Number(data[best])) best = i;
  return best;
}
