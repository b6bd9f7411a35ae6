// Which channels of a network can only go together. A layer makes a group of channels; what follows passes it on, ties it to
// others (residual sums), joins several (Concat) or spreads each over many numbers (Flatten). Thinning removes a channel from
// everything in its group at once; of attention a channel is a whole head (heads.ts). What is not understood keeps all its channels.
import { intOf, intsOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { inferShapes, type Inferred } from '../shape.js';
import { numberValues } from '../tensor.js';
import { headSize } from './heads.js';

/** Channels of one group in a row; each stands for `repeat` neighbouring numbers. */
export interface Segment {
  readonly group: number;
  readonly size: number;
  readonly repeat: number;
}

/** A constant that shrinks along an axis when channels go. */
export interface Cut {
  readonly constant: string;
  readonly axis: number;
  readonly segments: readonly Segment[];
  /** Makers decide what a channel is worth, readers lose the columns, followers (biases, norms) come along. */
  readonly role: 'maker' | 'reader' | 'follower';
  readonly node: NodeProto;
}

export interface ChannelGroups {
  readonly cuts: readonly Cut[];
  /** Depthwise convolutions, whose number of groups follows. */
  readonly depthwise: readonly { readonly node: NodeProto; readonly segments: readonly Segment[] }[];
  /** Reshapes that write down how many channels there are, at this place of their shape. */
  readonly reshapes: readonly {
    readonly node: NodeProto;
    readonly axis: number;
    readonly segments: readonly Segment[];
  }[];
  /** Numbers that one channel of a group is made of: the size of a head, else 1. */
  readonly units: ReadonlyMap<number, number>;
  /** Sizes by group, for those that may shrink. */
  readonly free: ReadonlyMap<number, number>;
  /** The group that a group was tied to. */
  readonly rootOf: (group: number) => number;
}

interface Layout {
  readonly axis: number;
  readonly segments: readonly Segment[];
}

const PASSING = new Set(
  'Relu LeakyRelu Sigmoid Tanh Clip HardSwish HardSigmoid Gelu Erf Softplus Elu Mish Dropout Identity MaxPool AveragePool GlobalAveragePool GlobalMaxPool Neg Abs Sqrt Exp Pow'.split(
    ' ',
  ),
);
const BINARY = new Set('Add Sub Mul Div Max Min Sum'.split(' '));

export function channelGroups(graph: Graph): ChannelGroups {
  return new Grouping(graph).run();
}

class Grouping {
  private readonly parents: number[] = [];
  private readonly sizes: number[] = [];
  private readonly frozen = new Set<number>();
  private readonly layouts = new Map<string, Layout>();
  private readonly cuts: Cut[] = [];
  private readonly depthwise: { node: NodeProto; segments: readonly Segment[] }[] = [];
  private readonly reshapes: { node: NodeProto; axis: number; segments: readonly Segment[] }[] = [];
  private readonly units = new Map<number, number>();
  private readonly types: ReadonlyMap<string, Inferred>;

  constructor(private readonly graph: Graph) {
    this.types = inferShapes(graph);
  }

  run(): ChannelGroups {
    for (const node of this.graph.ordered()) this.visit(node);
    for (const { name } of this.graph.outputs) this.freeze(this.layouts.get(name));
    this.freezeShared();
    const free = new Map<number, number>();
    const held = new Set([...this.frozen].map((group) => this.root(group)));
    this.sizes.forEach((size, group) => {
      if (this.root(group) === group && !held.has(group)) free.set(group, size);
    });
    const { cuts, depthwise, reshapes, units } = this;
    return { cuts, depthwise, reshapes, units, free, rootOf: (group) => this.root(group) };
  }

  private visit(node: NodeProto): void {
    const [input = '', weight = ''] = node.input;
    const layout = this.layouts.get(input);
    if (node.opType === 'Conv' && this.graph.initializer(weight) !== undefined)
      return this.convolution(node, layout);
    if ((node.opType === 'Gemm' || node.opType === 'MatMul') && this.isMatrix(weight))
      return this.dense(node, layout);
    if (node.opType === 'BatchNormalization' && layout?.axis === 1) {
      for (const name of node.input.slice(1)) this.cut(name, 0, layout.segments, 'follower', node);
      return this.make(node, layout);
    }
    if (node.opType === 'MatMul') return this.product(node);
    if (node.opType === 'Softmax' && layout !== undefined) return this.softmax(node, layout);
    if (node.opType === 'Reshape' && layout !== undefined && this.reshaped(node, layout)) return;
    if (PASSING.has(node.opType)) return this.pass(node, layout);
    if (BINARY.has(node.opType)) return this.binary(node);
    if (node.opType === 'Concat') return this.concat(node);
    if (this.flattens(node)) return this.flatten(node, layout);
    if (node.opType === 'Transpose' && layout !== undefined) {
      const axis = intsOf(node, 'perm')?.indexOf(layout.axis) ?? -1;
      if (axis >= 0) return this.make(node, { ...layout, axis });
    }
    this.stop(node);
  }

  private convolution(node: NodeProto, layout: Layout | undefined): void {
    const [, weight = '', bias = ''] = node.input;
    const dims = this.graph.initializer(weight)?.dims.map(Number) ?? [];
    const group = intOf(node, 'group', 1);
    const [outputs = 0, inputs = 0] = dims;
    if (group === 1) {
      if (layout !== undefined) this.cut(weight, 1, layout.segments, 'reader', node);
      const made = { axis: 1, segments: [this.created(outputs)] };
      this.cut(weight, 0, made.segments, 'maker', node);
      if (bias !== '') this.cut(bias, 0, made.segments, 'follower', node);
      return this.make(node, made);
    }
    // One window for each channel: it has the channels of its input.
    if (layout === undefined || group !== outputs || inputs !== 1) return this.stop(node);
    this.cut(weight, 0, layout.segments, 'follower', node);
    if (bias !== '') this.cut(bias, 0, layout.segments, 'follower', node);
    this.depthwise.push({ node, segments: layout.segments });
    this.make(node, layout);
  }

  private dense(node: NodeProto, layout: Layout | undefined): void {
    const [input = '', weight = '', bias = ''] = node.input;
    const turned = intOf(node, 'transB', 0) === 1;
    const [rows, columns] = turned ? [1, 0] : [0, 1];
    const rank = this.rankOf(input);
    const width = Number(this.graph.initializer(weight)?.dims[columns] ?? 0);
    if (
      intOf(node, 'transA', 0) === 1 ||
      rank === undefined ||
      (layout !== undefined && layout.axis !== rank - 1)
    )
      return this.stop(node);
    if (layout !== undefined) this.cut(weight, rows, layout.segments, 'reader', node);
    const size = headSize(this.graph, node, width) ?? 1;
    const made = { axis: rank - 1, segments: [this.created(width / size, size)] };
    this.cut(weight, columns, made.segments, 'maker', node);
    const biases = this.graph.initializer(bias)?.dims.map(Number) ?? [];
    if (biases.at(-1) === width) this.cut(bias, biases.length - 1, made.segments, 'follower', node);
    this.make(node, made);
  }

  private pass(node: NodeProto, layout: Layout | undefined): void {
    if (layout !== undefined) this.make(node, layout);
  }

  private binary(node: NodeProto): void {
    const found = node.input.flatMap((name) => {
      const layout = this.layouts.get(name);
      return layout === undefined ? [] : [layout];
    });
    const [first] = found;
    if (first === undefined) return;
    const fits = node.input.every((name) => {
      if (this.layouts.has(name)) return true;
      return (
        this.isSpread(node, name, first) || (this.graph.isConstant(name) && this.follows(node, name, first))
      );
    });
    const tied = found.slice(1).every((other) => this.tie(first, other));
    if (fits && tied && this.sameRank(node)) this.make(node, first);
    else this.stop(node);
  }

  /** One number for all channels, such as the mask of attention. */
  private isSpread(node: NodeProto, name: string, { axis }: Layout): boolean {
    const shape = this.types.get(name)?.shape;
    const at = axis - ((this.rankOf(node.output[0] ?? '') ?? 0) - (shape?.length ?? 0));
    return shape !== undefined && at >= 0 && shape[at] === 1;
  }

  /** Of two values, head by head: both have the same heads, which are none of the two axes that are multiplied. */
  private product(node: NodeProto): void {
    const [a, b] = node.input.map((name) => this.layouts.get(name));
    const rank = this.rankOf(node.output[0] ?? '') ?? 0;
    const apart = a !== undefined && b !== undefined && a.axis < rank - 2;
    if (apart && this.sameRank(node) && this.tie(a, b)) this.make(node, a);
    else this.stop(node);
  }

  private softmax(node: NodeProto, layout: Layout): void {
    const rank = this.rankOf(node.output[0] ?? '') ?? 0;
    if ((intOf(node, 'axis', -1) + rank) % Math.max(1, rank) === layout.axis || this.graph.opset < 13)
      this.stop(node);
    else this.make(node, layout);
  }

  /** [.., heads x size] to [.., heads, size], or back. */
  private reshaped(node: NodeProto, { axis, segments }: Layout): boolean {
    const before = this.types.get(node.input[0] ?? '')?.shape ?? [];
    const written = this.graph.constant(node.input[1] ?? '');
    const shape = written === undefined ? [] : numberValues(written);
    const [segment, ...more] = segments;
    if (segment === undefined || more.length > 0) return false;
    const { size, repeat } = segment;
    const splits = axis === 2 && before.length === 3 && shape.length === 4 && shape[3] === repeat;
    const joins = axis === 2 && before.length === 4 && shape.length === 3 && repeat === 1;
    const head = joins ? Number(before[3]) : 1;
    if (!(splits ? repeat > 1 : joins && head > 0) || ![-1, size * head].includes(shape[2] ?? 0))
      return false;
    const after = [{ ...segment, repeat: head }];
    this.reshapes.push({ node, axis: 2, segments: after });
    this.make(node, { axis: 2, segments: after });
    return true;
  }

  /** A constant of one number a channel, or one for all. */
  private follows(node: NodeProto, name: string, { axis, segments }: Layout): boolean {
    const dims = this.types.get(name)?.shape?.map(Number) ?? [];
    const rank = this.rankOf(node.output[0] ?? '') ?? 0;
    const at = axis - (rank - dims.length);
    if (at < 0 || (dims[at] ?? 1) === 1) return true;
    if (this.graph.initializer(name) === undefined) return false;
    this.cut(name, at, segments, 'follower', node);
    return true;
  }

  private sameRank(node: NodeProto): boolean {
    const ranks = node.input.filter((name) => this.layouts.has(name)).map((name) => this.rankOf(name));
    return new Set(ranks).size === 1;
  }

  private concat(node: NodeProto): void {
    const parts = node.input.map((name) => this.layouts.get(name));
    const rank = this.rankOf(node.output[0] ?? '') ?? 0;
    const axis = (intOf(node, 'axis', 1) + rank) % Math.max(1, rank);
    const known = parts.filter((part): part is Layout => part?.axis === axis);
    if (known.length < parts.length) return this.stop(node);
    this.make(node, { axis, segments: known.flatMap(({ segments }) => segments) });
  }

  private flattens(node: NodeProto): boolean {
    if (node.opType === 'Flatten') return intOf(node, 'axis', 1) === 1;
    const shape = node.opType === 'Reshape' ? this.graph.constant(node.input[1] ?? '') : undefined;
    // With the width written down the shape would have to change as well.
    return shape !== undefined && numberValues(shape).join() === '0,-1';
  }

  private flatten(node: NodeProto, layout: Layout | undefined): void {
    const shape = this.types.get(node.input[0] ?? '')?.shape ?? [];
    const inner = shape
      .slice(2)
      .reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : NaN), 1);
    if (layout === undefined) return;
    if (layout.axis !== 1 || Number.isNaN(inner)) return this.stop(node);
    const segments = layout.segments.map((one) => ({ ...one, repeat: one.repeat * inner }));
    this.make(node, { axis: 1, segments });
  }

  private tie(a: Layout, b: Layout): boolean {
    if (a.axis !== b.axis || a.segments.length !== b.segments.length) return false;
    return a.segments.every((one, i) => {
      const other = b.segments[i];
      if (other?.size !== one.size || other.repeat !== one.repeat) return false;
      const [root, joined] = [this.root(one.group), this.root(other.group)];
      if (root !== joined) this.parents[joined] = root;
      return true;
    });
  }

  /** A constant with two owners must shrink for both alike; where it would not, neither shrinks. */
  private freezeShared(): void {
    const seen = new Map<string, readonly Segment[]>();
    for (const { constant, axis, segments } of this.cuts) {
      const key = `${constant} ${axis}`;
      const known = seen.get(key);
      if (known !== undefined && known !== segments) {
        this.freeze({ axis, segments: known });
        this.freeze({ axis, segments });
      }
      seen.set(key, segments);
    }
  }

  private cut(
    constant: string,
    axis: number,
    segments: readonly Segment[],
    role: Cut['role'],
    node: NodeProto,
  ): void {
    if (this.graph.initializer(constant) === undefined) return this.freeze({ axis, segments });
    this.cuts.push({ constant, axis, segments, role, node });
  }

  private created(size: number, repeat = 1): Segment {
    const group = this.parents.length;
    this.units.set(group, repeat);
    this.parents.push(group);
    this.sizes.push(size);
    return { group, size, repeat };
  }

  private make(node: NodeProto, layout: Layout): void {
    this.layouts.set(node.output[0] ?? '', layout);
  }

  private stop(node: NodeProto): void {
    for (const name of node.input) this.freeze(this.layouts.get(name));
  }

  private freeze(layout: Layout | undefined): void {
    for (const { group } of layout?.segments ?? []) this.frozen.add(group);
  }

  private root(group: number): number {
    let root = group;
    while (this.parents[root] !== undefined && this.parents[root] !== root) root = this.parents[root] ?? root;
    return root;
  }

  private isMatrix(name: string): boolean {
    return this.graph.initializer(name)?.dims.length === 2;
  }

  private rankOf(name: string): number | undefined {
    return this.types.get(name)?.shape?.length;
  }
}
