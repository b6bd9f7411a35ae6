// Hidden values worth looking at: what the layers with weights read, in the order they are made. Whoever chooses a layer to tap measures these.
import type { Graph } from '../graph.js';
import { copyModel } from '../extract.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { weightLayers } from '../quantize/layers.js';
import { inferShapes } from '../shape.js';
import { constantsToInitialisers } from '../training/modes.js';

export interface TapCandidate {
  readonly value: string;
  readonly rank: number;
  /** Numbers a row once places or steps are averaged. */
  readonly width: number;
}

/** Wider features make covariances that cost more than they tell. */
export const TAP_WIDTH_MAX = 512;

/** Only change the form of what they read. */
const FORMS = new Set(['Flatten', 'Reshape', 'Identity', 'Dropout', 'Squeeze', 'Unsqueeze', 'Transpose']);

/** The last is nearest to the answer. Values of other ranks than 2, 3 and 4, or of unknown width, are left out. */
export function tapCandidates(graph: Graph): TapCandidate[] {
  const plain = copyModel(graph);
  constantsToInitialisers(plain);
  const types = inferShapes(plain);
  const found = new Map<string, TapCandidate>();
  for (const { input } of weightLayers(plain).found) {
    for (const value of [input, behindForms(plain, input)]) {
      const candidate = value === undefined ? undefined : candidateOf(value, types.get(value));
      if (
        candidate !== undefined &&
        !plain.inputs.some(({ name }) => name === candidate.value) &&
        !plain.isOutput(candidate.value)
      )
        found.set(candidate.value, candidate);
    }
  }
  return [...found.values()];
}

/** What an output's Softmax reads: the logits, where the model gives probabilities. */
export function logitsBehind(graph: Graph, output: string): string | undefined {
  let maker = graph.producer(output);
  while (maker?.opType === 'Identity') maker = graph.producer(maker.input[0] ?? '');
  return maker?.opType === 'Softmax' ? maker.input[0] : undefined;
}

function behindForms(graph: Graph, value: string): string | undefined {
  let at: string | undefined = value;
  for (
    let node = graph.producer(value);
    node !== undefined && FORMS.has(node.opType);
    node = graph.producer(at ?? '')
  )
    at = node.input[0];
  return at === value ? undefined : at;
}

function candidateOf(
  value: string,
  type: { readonly dataType: T; readonly shape?: readonly (number | string)[] | undefined } | undefined,
): TapCandidate | undefined {
  const { shape } = type ?? {};
  if (shape === undefined || type?.dataType !== T.FLOAT || shape.length < 2 || shape.length > 4)
    return undefined;
  // Images have their channels second, sequences last.
  const width = shape[shape.length === 4 ? 1 : shape.length - 1];
  if (typeof width !== 'number' || width > TAP_WIDTH_MAX) return undefined;
  return { value, rank: shape.length, width };
}
