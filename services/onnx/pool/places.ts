// Feature maps that may be made smaller, and how: every map of known size behind which something is computed, in every way that was asked for.
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Inferred } from '../shape.js';
import { averageInto, takesAverage } from './average-into-conv.js';
import { fit, mapSizes } from './fit.js';
import { writeRegion } from './region.js';
import { WHOLE, type Box, type View } from './view.js';

export type PoolKind = 'max' | 'average' | 'region';

export interface Placement extends View {
  readonly value: string;
  readonly kind: PoolKind;
}

const SMALLEST = 4; // a side below it is no picture any more

/** Maps at which something begins that is not merely done element by element. */
export function mapsOf(graph: Graph, types: ReadonlyMap<string, Inferred>): string[] {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const made = [
    ...graph.inputs.map(({ name }) => name),
    ...graph.ordered().map(({ output }) => output[0] ?? ''),
  ];
  return made.filter((name) => {
    const type = types.get(name);
    const [, , height, width] = type?.shape ?? [];
    return (
      type?.dataType === T.FLOAT &&
      type.shape?.length === 4 &&
      typeof height === 'number' &&
      typeof width === 'number' &&
      Math.min(height, width) >= SMALLEST &&
      !graph.isConstant(name) &&
      !outputs.has(name) &&
      [...graph.consumers(name)].some(({ opType }) => !MAPPING.has(opType))
    );
  });
}

const MAPPING = new Set(
  'Relu LeakyRelu Clip HardSwish Sigmoid BatchNormalization Dropout Identity'.split(' '),
);

/** Every way to make one map smaller: half its sides, or the box in which something happens, whole or at half its sides. */
export function placements(
  value: string,
  sizes: { readonly height: number; readonly width: number },
  box: Box,
  kinds: readonly PoolKind[],
): Placement[] {
  const half = { height: Math.floor(sizes.height / 2), width: Math.floor(sizes.width / 2), box: WHOLE };
  const inside = {
    height: Math.round((box.bottom - box.top) * sizes.height),
    width: Math.round((box.right - box.left) * sizes.width),
    box,
  };
  const cut = inside.height < sizes.height || inside.width < sizes.width;
  const regions: View[] = [
    ...(cut ? [inside] : []),
    { height: Math.ceil(inside.height / 2), width: Math.ceil(inside.width / 2), box },
  ];
  return kinds.flatMap((kind): Placement[] =>
    (kind === 'region' ? regions : [half]).map((view) => ({ value, kind, ...view })),
  );
}

/** Takes the graph over. Throws MODEL_REFUSED where what follows cannot be fitted. */
export function place(
  graph: Graph,
  types: ReadonlyMap<string, Inferred>,
  { value, kind, height, width, box }: Placement,
): void {
  const before = mapSizes(value, types);
  const view = { height, width, box, before };
  const conv = kind === 'average' ? averagingConv(graph, value) : undefined;
  if (conv !== undefined) {
    averageInto(graph, conv, 2);
    return fit(graph, types, new Map([[conv.output[0] ?? '', view]]));
  }
  const hold = graph.fresh('pool');
  graph.replaceUses(value, hold);
  const smaller =
    kind === 'region'
      ? writeRegion(graph, value, before, view)
      : (graph.add(kind === 'max' ? 'MaxPool' : 'AveragePool', [value], HALVING).output[0] ?? '');
  graph.replaceUses(hold, smaller);
  fit(graph, types, new Map([[smaller, view]]));
}

const HALVING = { kernel_shape: [2, 2], strides: [2, 2] };

/** The convolution that can take the average over: it makes the map, or what one function of each element makes the map of. */
function averagingConv(graph: Graph, value: string): NodeProto | undefined {
  let node = graph.producer(value);
  while (node !== undefined && MAPPING.has(node.opType)) {
    const [input = ''] = node.input;
    if (graph.consumers(input).size !== 1) return undefined;
    node = graph.producer(input);
  }
  return takesAverage(graph, node) && !graph.isOutput(node.output[0] ?? '') ? node : undefined;
}
