// The first nodes of every trained model: what the data taught about itself, as constants. A missing number becomes the mean,
// outliers are drawn in, numbers get mean 0 and deviation 1, a code becomes one-hot. So a caller sends plain values, and nothing
// that training knew can be forgotten when the model is served.
import type { GraphBuilder } from '../../onnx/builder.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import type { Features, Prepared } from '../data/prepared.js';

/** The name of every trained model's input. */
export const INPUT = 'x';

export interface FeatureNodes {
  readonly value: string;
  /** Sizes of one example: [features], [channels, height, width] or [length]. */
  readonly shape: readonly number[];
}

type Columns = Extract<Features, { kind: 'table' }>['columns'];
type NumberColumns = readonly Extract<Columns[number], { kind: 'number' }>[];

/** `x`: FLOAT [batch, columns] or [batch, channels, height, width] in 0..255; INT64 [batch, length] for tokens. */
export function featureNodes(g: GraphBuilder, { features, shape }: Prepared): FeatureNodes {
  if (features.kind === 'tokens') return { value: g.input(INPUT, T.INT64, ['batch', ...shape]), shape };
  const x = g.input(INPUT, T.FLOAT, ['batch', ...shape]);
  if (features.kind === 'table') return tableNodes(g, x, features.columns);
  const centred = g.op('Sub', [x, g.float(features.mean)]);
  return { value: g.op('Mul', [centred, g.float(1 / features.deviation)]), shape };
}

function tableNodes(g: GraphBuilder, x: string, columns: Columns): FeatureNodes {
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
    const codes = g.float(
      column.values.map((_, value) => value),
      [1, column.values.length],
    );
    parts.push(g.op('Cast', [g.op('Equal', [code, codes])], { to: T.FLOAT }));
    width += column.values.length;
  });
  const [only = ''] = parts;
  return { value: parts.length === 1 ? only : g.op('Concat', parts, { axis: 1 }), shape: [width] };
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
