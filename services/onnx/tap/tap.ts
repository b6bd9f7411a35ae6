// Adds hidden values to a served graph as outputs of their own, averaged to one row of numbers a request. Publishing adds them, the auditor
// reads them; what callers get stays as it was, which verify.ts proves.
import { copyModel } from '../extract.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';
import { inferShapes } from '../shape.js';
import { int64 } from '../tensor.js';
import { type Dim, valueInfo } from '../value-info.js';

export interface Tapped {
  readonly graph: Graph;
  /** Names of the new outputs, in the order of the values. Each is FP32 [rows, width]. */
  readonly outputs: readonly string[];
}

/** Axes given as an input instead of an attribute. */
const AXES_INPUT_OPSET = 18;

/**
 * The graph given is not changed. Maps [rows, channels, height, width] are averaged over places, sequences [rows, steps, width] over steps, rows [rows, width] are
 * given as they are. Throws MODEL_REFUSED where a value is not in the graph, or has no such shape.
 */
export function addTaps(original: Graph, values: readonly string[]): Tapped {
  const graph = copyModel(original);
  const types = inferShapes(graph);
  const outputs = values.map((value) => {
    const { dataType, shape } = types.get(value) ?? {};
    if (graph.producer(value) === undefined || shape === undefined || dataType !== T.FLOAT)
      throw refusal(
        `"${clip(value)}" is no hidden FP32 value of known shape: choose one of the tap candidates.`,
        { tensor: value },
      );
    const output = graph.fresh('tap');
    const [rows, width] = rowOf(value, shape);
    average(graph, value, output, shape.length);
    graph.proto.output.push(valueInfo(output, T.FLOAT, [named(rows), width]));
    return output;
  });
  return { graph: Graph.read(graph.write(), graph.external), outputs };
}

function average(graph: Graph, value: string, output: string, rank: number): void {
  const axes = rank === 4 ? [2, 3] : rank === 3 ? [1] : [];
  if (axes.length === 0) graph.add('Identity', [value], {}, [output]);
  else if (graph.opset >= AXES_INPUT_OPSET)
    graph.add(
      'ReduceMean',
      [value, graph.setConstant(graph.fresh('axes'), int64([axes.length], axes))],
      { keepdims: 0 },
      [output],
    );
  else graph.add('ReduceMean', [value], { axes, keepdims: 0 }, [output]);
}

function rowOf(value: string, shape: readonly Dim[]): [Dim, number] {
  const width = shape[shape.length === 4 ? 1 : shape.length - 1];
  if (shape.length < 2 || shape.length > 4 || typeof width !== 'number')
    throw refusal(
      `"${clip(value)}" of shape [${shape.join(', ')}] makes no row of numbers: choose one of the tap candidates.`,
      { tensor: value },
    );
  return [shape[0] ?? '', width];
}

/** Sizes that were invented while inferring mean nothing in the file. */
const named = (dim: Dim): Dim => (typeof dim === 'string' && dim.startsWith('?') ? '' : dim);
