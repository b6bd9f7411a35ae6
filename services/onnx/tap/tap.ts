// Adds hidden values to a served graph as outputs of their own, averaged to one row of numbers a request. Making a baseline plans and proves them
// (verify.ts), engines add the same bytes, the auditor reads what they give; what callers get stays as it was.
import type { ServedTap, TapPlan } from '../../../contracts/taps.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';
import { inferShapes } from '../shape.js';
import type { Dim } from '../value-info.js';
import { withTaps } from './suffix.js';

export interface Tapped {
  readonly graph: Graph;
  readonly plan: Pick<TapPlan, 'opset' | 'taps'>;
  /** Names of the new outputs, in the order of the values. Each is FP32 [rows, width]. */
  readonly outputs: readonly string[];
}

/**
 * The graph given is not changed. Maps [rows, channels, height, width] are averaged over places, sequences [rows, steps, width] over steps, rows [rows, width] are
 * given as they are. Throws MODEL_REFUSED where a value is not in the graph, or has no such shape.
 */
export function addTaps(original: Graph, values: readonly string[]): Tapped {
  const types = inferShapes(original);
  const taps = values.map((value): ServedTap => {
    const { dataType, shape } = types.get(value) ?? {};
    if (original.producer(value) === undefined || shape === undefined || dataType !== T.FLOAT)
      throw refusal(
        `"${clip(value)}" is no hidden FP32 value of known shape: choose one of the tap candidates.`,
        { tensor: value },
      );
    return { value, output: original.fresh('tap'), rank: shape.length, width: widthOf(value, shape) };
  });
  const plan = { opset: original.opset, taps };
  return {
    graph: Graph.read(withTaps(original.write(), plan), original.external),
    plan,
    outputs: taps.map(({ output }) => output),
  };
}

function widthOf(value: string, shape: readonly Dim[]): number {
  const width = shape[shape.length === 4 ? 1 : shape.length - 1];
  if (shape.length < 2 || shape.length > 4 || typeof width !== 'number')
    throw refusal(
      `"${clip(value)}" of shape [${shape.join(', ')}] makes no row of numbers: choose one of the tap candidates.`,
      { tensor: value },
    );
  return width;
}
