// What a model takes and gives, in the words of the Open Inference Protocol. Registry and shard publish it as metadata.
import type { Datatype } from '../../contracts/tensor-spec.js';
import { elementType } from './data-type.js';
import type { GraphProto, ModelProto, TypeProto, ValueInfoProto } from './proto/onnx_pb.js';
import { clip, refusal } from './refusal.js';

export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 where the size varies from call to call. */
  readonly shape: readonly number[];
  /** The model's own names of the variable sizes, in step with `shape`; '' where fixed or unnamed. */
  readonly symbols: readonly string[];
  /** The file does not even say how many dimensions there are; `shape` is then empty. */
  readonly anyRank?: true;
}

export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Throws MODEL_REFUSED for a type that onnxruntime-node cannot carry (some of them end the whole process in run). */
export function signatureOf(model: ModelProto): Signature {
  const graph = model.graph;
  if (graph === undefined) throw refusal('This is not an ONNX model: it has no graph.');
  return {
    inputs: realInputs(graph).map((input) => tensorSpec(input, 'input')),
    outputs: graph.output.map((output) => tensorSpec(output, 'output')),
  };
}

/** Up to IR 3 every initialiser is listed as an input as well: those are constants, onnxruntime ignores what is fed. */
export function realInputs(graph: GraphProto): ValueInfoProto[] {
  const constants = new Set(graph.initializer.map((tensor) => tensor.name));
  for (const sparse of graph.sparseInitializer) constants.add(sparse.values?.name ?? '');
  return graph.input.filter((input) => !constants.has(input.name));
}

function tensorSpec(info: ValueInfoProto, side: 'input' | 'output'): TensorSpec {
  const where = `${side} "${clip(info.name)}"`;
  const fields = { [side]: info.name };
  if (info.name === '') throw refusal(`An ${side} of the model has no name.`);
  const value = info.type?.value;
  if (value?.case !== 'tensorType')
    throw refusal(`The ${where} is ${kindOf(info.type)}, not a tensor.`, fields);
  const type = elementType(value.value.elemType);
  if (type === undefined) {
    throw refusal(`The ${where} has the unknown element type ${value.value.elemType}.`, fields);
  }
  if (type.wire === undefined)
    throw refusal(`The ${where} has element type ${type.name}, which cannot be served.`, fields);
  const dims = value.value.shape?.dim;
  if (dims === undefined) {
    return { name: info.name, datatype: type.wire.datatype, shape: [], symbols: [], anyRank: true };
  }
  const shape = dims.map(({ value: dim }) => (dim.case === 'dimValue' ? Number(dim.value) : -1));
  checkShape(shape, where, fields);
  return {
    name: info.name,
    datatype: type.wire.datatype,
    shape,
    symbols: dims.map(({ value: dim }) => (dim.case === 'dimParam' ? dim.value : '')),
  };
}

function checkShape(shape: readonly number[], where: string, fields: Record<string, string>): void {
  const text = `[${shape.join(', ')}]`;
  if (shape.some((size) => size < -1))
    throw refusal(`The ${where} has a negative dimension: ${text}.`, fields);
  // A tensor that no machine holds is a mistake or an attack; beyond 2^53 sizes are not even exact.
  const elements = shape.reduce((product, size) => product * Math.max(size, 1), 1);
  if (elements > MOST_ELEMENTS || shape.length > 64)
    throw refusal(`The ${where} has an absurd shape ${text}.`, fields);
}

const MOST_ELEMENTS = 2 ** 40;

function kindOf(type: TypeProto | undefined): string {
  const kind = type?.value.case;
  return kind === undefined ? 'of no declared type' : KINDS[kind];
}

const KINDS = {
  tensorType: 'a tensor',
  sequenceType: 'a sequence',
  mapType: 'a map (a scikit-learn export: convert with zipmap off)',
  optionalType: 'an optional value',
  sparseTensorType: 'a sparse tensor',
  opaqueType: 'an opaque value',
} as const;
