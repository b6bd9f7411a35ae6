// Writes nodes into a graph whose forward types are known, in the forms of opset 18 and later. Backward rules,
// decompositions, losses and optimisers write with it, and never have to ask which opset they are in: modern.ts raised it.
import assert from 'node:assert';
import type { AttributeValues } from '../attributes.js';
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';
import { inferShapes, type Inferred, type InferOptions } from '../shape.js';
import { int64, numberValues, type Tensor } from '../tensor.js';
import type { Dim } from '../value-info.js';

export class Writer {
  private types: Map<string, Inferred>;
  private readonly shared = new Map<string, string>();

  constructor(
    readonly graph: Graph,
    private readonly infer: InferOptions = {},
  ) {
    this.types = inferShapes(graph, infer);
  }

  /** Learns the types of what was written meanwhile. */
  refresh(): void {
    this.types = inferShapes(this.graph, this.infer);
  }

  op(opType: string, inputs: readonly string[], values: AttributeValues = {}, domain = ''): string {
    const [name] = this.graph.add(opType, inputs, values, 1, { domain }).output;
    assert(name !== undefined);
    return name;
  }

  ops(opType: string, inputs: readonly string[], count: number, values: AttributeValues = {}): string[] {
    return this.graph.add(opType, inputs, values, count).output;
  }

  /** Whether the value can have a gradient: of all types, real numbers alone can. Unknown ones count, to be refused by name. */
  isReal(name: string): boolean {
    const type = this.types.get(name)?.dataType;
    return type === undefined || type === T.FLOAT || type === T.DOUBLE;
  }

  dataType(name: string): T {
    const type = this.types.get(name)?.dataType;
    if (type === undefined) throw this.unknown(name, 'type');
    return type;
  }

  shape(name: string): readonly Dim[] {
    const shape = this.types.get(name)?.shape;
    if (shape === undefined) throw this.unknown(name, 'shape');
    return shape;
  }

  rank(name: string): number {
    return this.shape(name).length;
  }

  /** The shape in numbers; undefined where a size varies. */
  fixedShape(name: string): number[] | undefined {
    const shape = this.shape(name);
    return shape.every((dim) => typeof dim === 'number') ? [...(shape as number[])] : undefined;
  }

  /** A size that a rule cannot do without. Throws MODEL_REFUSED where it varies. */
  size(name: string, axis: number): number {
    const shape = this.shape(name);
    const dim = shape[axis < 0 ? axis + shape.length : axis];
    if (typeof dim === 'number') return dim;
    throw refusal(
      `Size ${axis} of "${clip(name)}" varies (${dim ?? 'it has no such axis'}); training needs it as a number: bind it.`,
      { tensor: name, shape },
    );
  }

  /** The contents of a constant, or of what shape inference could compute. */
  numbers(name: string | undefined): number[] | undefined {
    if (name === undefined || name === '') return undefined;
    const tensor = this.graph.constant(name);
    if (tensor !== undefined) return numberValues(tensor);
    const content = this.types.get(name)?.content;
    return content?.every((one) => typeof one === 'number') === true ? [...(content as number[])] : undefined;
  }

  /** An int64 constant: of rank 0 when given one number. Equal ones are shared. */
  ints(values: number | readonly number[]): string {
    const list = typeof values === 'number' ? [values] : values;
    return this.share(`ints ${JSON.stringify(values)}`, () =>
      int64(typeof values === 'number' ? [] : [list.length], list),
    );
  }

  /** A number in the type of `like`. */
  float(value: number, like: string): string {
    return this.share(`float ${value} ${this.dataType(like)}`, () => this.real([], [value], like));
  }

  /** A constant in the type of `like`. */
  floats(dims: readonly number[], values: ArrayLike<number>, like: string): string {
    return this.graph.setConstant(this.graph.fresh('floats'), this.real(dims, values, like));
  }

  /** The sizes of a value, to reshape or expand to: a constant where one size at most varies. */
  shapeOf(name: string, use: 'reshape' | 'expand' = 'reshape'): string {
    const shape = this.shape(name);
    const open = shape.filter((dim) => typeof dim === 'string').length;
    const constant = open === 0 || (use === 'reshape' && open === 1 && !shape.includes(0));
    if (constant) return this.ints(shape.map((dim) => (typeof dim === 'string' ? -1 : dim)));
    return this.op('Shape', [name]);
  }

  reshapeLike(value: string, name: string): string {
    return this.op('Reshape', [value, this.shapeOf(name)]);
  }

  /** A tensor of the shape and type of `name` filled with zeros. */
  zerosLike(name: string): string {
    return this.op('Expand', [this.float(0, name), this.shapeOf(name, 'expand')]);
  }

  reduce(
    kind: 'Sum' | 'Mean' | 'Max' | 'SumSquare' | 'Prod',
    value: string,
    axes?: readonly number[],
    keep = true,
  ): string {
    const inputs = axes === undefined ? [value] : [value, this.ints(axes)];
    return this.op(`Reduce${kind}`, inputs, { keepdims: keep ? 1 : 0 });
  }

  /** How many elements the axes of a value span, as a scalar of its type. */
  count(name: string, axes?: readonly number[]): string {
    const shape = this.shape(name);
    const spanned = (axes ?? shape.map((_, i) => i)).map(
      (axis) => shape[axis < 0 ? axis + shape.length : axis],
    );
    if (spanned.every((dim) => typeof dim === 'number'))
      return this.float(
        (spanned as number[]).reduce((a, b) => a * b, 1),
        name,
      );
    const sizes = this.op('Shape', [name]);
    const chosen = axes === undefined ? sizes : this.op('Gather', [sizes, this.ints(axes)]);
    return this.op('Cast', [this.op('ReduceProd', [chosen], { keepdims: 0 })], { to: this.dataType(name) });
  }

  private real(dims: readonly number[], values: ArrayLike<number>, like: string): Tensor {
    const dataType = this.dataType(like);
    assert(dataType === T.FLOAT || dataType === T.DOUBLE, `"${like}" is not real`);
    return {
      dataType,
      dims,
      data: dataType === T.FLOAT ? Float32Array.from(values) : Float64Array.from(values),
    };
  }

  private share(key: string, make: () => Tensor): string {
    const known = this.shared.get(key);
    if (known !== undefined) return known;
    const name = this.graph.setConstant(this.graph.fresh(key.split(' ')[0] ?? key), make());
    this.shared.set(key, name);
    return name;
  }

  private unknown(name: string, what: string): Error {
    return refusal(`The ${what} of "${clip(name)}" is not known: declare it, or its inputs, in the model.`, {
      tensor: name,
    });
  }
}
