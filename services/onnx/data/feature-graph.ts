// The first part of every trained model: what the data taught about itself, as constants. A missing number becomes the mean,
// outliers are drawn in, numbers get mean 0 and deviation 1, a code becomes one-hot. So a caller sends plain values, and nothing
// that training knew can be forgotten when the model is served.
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { INPUT } from './trained-names.js';
import type { Features, Prepared } from './prepared.js';

/** Outputs of the feature graph: `features` of tables and pictures; `ids`, and 1 where there is one in `mask`, of texts. */
export const FEATURES = { values: 'features', ids: 'ids', mask: 'mask' } as const;

export interface FeatureGraph {
  readonly graph: Graph;
  /** Sizes of one example behind it: [features], [channels, height, width] or [length]. */
  readonly shape: readonly number[];
}

type Columns = Extract<Features, { kind: 'table' }>['columns'];
type NumberColumns = readonly Extract<Columns[number], { kind: 'number' }>[];

/** The opset of the networks that it is merged with. */
const OPSET = 17;

/** Pictures as rows are flattened, for networks that take those. `x`: FLOAT [batch, columns] or [batch, channels, height, width] in 0..255; INT64 [batch, length] for tokens. */
export function featureGraph(
  { features, shape }: Pick<Prepared, 'features' | 'shape'>,
  as: 'rows' | 'pictures',
): FeatureGraph {
  const g = new GraphBuilder({ opset: OPSET, name: 'trained', prefix: 'features_' });
  if (features.kind === 'tokens') {
    const x = g.input(INPUT, T.INT64, ['batch', ...shape]);
    const present = g.op('Cast', [g.op('Greater', [x, g.ints(0)])], { to: T.FLOAT });
    g.output(x, T.INT64, ['batch', ...shape], FEATURES.ids);
    g.output(present, T.FLOAT, ['batch', ...shape], FEATURES.mask);
    return { graph: Graph.read(g.bytes()), shape };
  }
  const x = g.input(INPUT, T.FLOAT, ['batch', ...shape]);
  if (features.kind === 'image') {
    const centred = g.op('Sub', [x, g.float(features.mean)]);
    const value = g.op('Mul', [centred, g.float(1 / features.deviation)]);
    const after = as === 'rows' ? [shape.reduce((all, size) => all * size, 1)] : shape;
    g.output(as === 'rows' ? g.op('Flatten', [value]) : value, T.FLOAT, ['batch', ...after], FEATURES.values);
    return { graph: Graph.read(g.bytes()), shape: after };
  }
  const { value, width } = tableNodes(g, x, features.columns);
  g.output(value, T.FLOAT, ['batch', width], FEATURES.values);
  return { graph: Graph.read(g.bytes()), shape: [width] };
}

function tableNodes(g: GraphBuilder, x: string, columns: Columns): { value: string; width: number } {
  const numbers = columns.filter((column) => column.kind === 'number');
  const parts: string[] = [];
  let width = numbers.length;
  if (numbers.length > 0) {
    const at = columns.flatMap(({ kind }, i) => (kind === 'number' ? [i] : []));
    const own = at.length === columns.length ? x : g.op('Gather', [x, g.ints(at)], { axis: 1 });
    parts.push(normalised(g, own, numbers));
  }
  columns.forEach((column, i) => {
    if (column.kind !== 'category') return;
    const code = g.op('Gather', [x, g.ints([i])], { axis: 1 });
    // A code beyond the last, or NaN, equals none: what training never saw is all zeros.
    const known = column.values.map((_, value) => value);
    const codes = g.float(known, [1, known.length]);
    parts.push(g.op('Cast', [g.op('Equal', [code, codes])], { to: T.FLOAT }));
    width += known.length;
  });
  const [only = ''] = parts;
  return { value: parts.length === 1 ? only : g.op('Concat', parts, { axis: 1 }), width };
}

/** Fences that no float32 is beyond. */
const UNFENCED = 3e38;

function normalised(g: GraphBuilder, own: string, columns: NumberColumns): string {
  const row = (values: number[]): string => g.float(values, [1, values.length]);
  const means = row(columns.map(({ mean }) => mean));
  let value = g.op('Where', [g.op('IsNaN', [own]), means, own]);
  if (columns.some(({ fences }) => fences !== undefined)) {
    value = g.op('Max', [value, row(columns.map(({ fences }) => fences?.low ?? -UNFENCED))]);
    value = g.op('Min', [value, row(columns.map(({ fences }) => fences?.high ?? UNFENCED))]);
  }
  return g.op('Mul', [g.op('Sub', [value, means]), row(columns.map(({ deviation }) => 1 / deviation))]);
}
