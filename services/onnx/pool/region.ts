// A part of a feature map averaged to a given size, for boxes and sizes of any kind: Y = A_h X A_w^T for each channel, where a row of A holds
// the share of each old row in a new one (adaptive pooling, and region-of-interest pooling as in He et al., 2014, by area). Where boxes and
// sizes come out even it is a Slice and an AveragePool, which answer the same and run faster.
import type { Graph } from '../graph.js';
import { refusal } from '../refusal.js';
import { float32, int64 } from '../tensor.js';
import { columns, rows, type View } from './view.js';

/** [to, from]: row o holds how much of each old row lies in the o-th of `to` equal parts of [begin, end), in shares of the side. */
export function areaMatrix(from: number, to: number, [begin, end]: readonly [number, number]): Float32Array {
  const matrix = new Float32Array(to * from);
  const step = ((end - begin) * from) / to;
  for (let o = 0; o < to; o++) {
    const [low, high] = [begin * from + o * step, begin * from + (o + 1) * step];
    for (let i = Math.floor(low); i < Math.min(from, Math.ceil(high)); i++)
      matrix[o * from + i] = Math.max(0, Math.min(high, i + 1) - Math.max(low, i)) / step;
  }
  return matrix;
}

interface Sizes {
  readonly height: number;
  readonly width: number;
}

/** Adds the nodes; returns the name of the smaller map. */
export function writeRegion(graph: Graph, value: string, from: Sizes, view: View): string {
  const [vertical, horizontal] = [
    evenPart(from.height, view.height, rows(view.box)),
    evenPart(from.width, view.width, columns(view.box)),
  ];
  if (vertical === undefined || horizontal === undefined) return writeMatrices(graph, value, from, view);
  const cut = vertical.size < from.height || horizontal.size < from.width;
  const part = cut
    ? sliced(
        graph,
        value,
        [vertical.begin, horizontal.begin],
        [vertical.begin + vertical.size, horizontal.begin + horizontal.size],
      )
    : value;
  const kernel = [vertical.size / view.height, horizontal.size / view.width];
  if (kernel.every((one) => one === 1)) return part;
  return made(graph.add('AveragePool', [part], { kernel_shape: kernel, strides: kernel }));
}

function writeMatrices(graph: Graph, value: string, from: Sizes, { height, width, box }: View): string {
  const down = areaMatrix(from.height, height, rows(box));
  const across = areaMatrix(from.width, width, columns(box));
  const turned = Float32Array.from(
    { length: across.length },
    (_, i) => across[(i % width) * from.width + Math.floor(i / width)] ?? 0,
  );
  const left = graph.setConstant(graph.fresh('region.rows'), float32([height, from.height], down));
  const right = graph.setConstant(graph.fresh('region.columns'), float32([from.width, width], turned));
  return made(graph.add('MatMul', [left, made(graph.add('MatMul', [value, right]))]));
}

/** Whole old rows, as many for each new one; otherwise undefined. */
function evenPart(from: number, to: number, [begin, end]: readonly [number, number]) {
  const [first, size] = [begin * from, (end - begin) * from];
  const whole = [first, size, size / to].every((one) => Math.abs(one - Math.round(one)) < 1e-6);
  return whole ? { begin: Math.round(first), size: Math.round(size) } : undefined;
}

const SLICE_INPUTS_OPSET = 10;

function sliced(graph: Graph, value: string, starts: readonly number[], ends: readonly number[]): string {
  if (graph.opset < SLICE_INPUTS_OPSET)
    throw refusal(`Cutting a map needs opset ${SLICE_INPUTS_OPSET}; the model has ${graph.opset}.`);
  const list = (what: string, values: readonly number[]): string =>
    graph.setConstant(graph.fresh(`region.${what}`), int64([2], values));
  return made(graph.add('Slice', [value, list('starts', starts), list('ends', ends), list('axes', [2, 3])]));
}

const made = ({ output: [name = ''] }: { readonly output: readonly string[] }): string => name;
