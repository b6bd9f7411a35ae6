// Every constant in the file: sizes that are real, data that fills them, weights only from resources that came along.
// Used by scan.ts, which reports the sums.
import { elementType, rawBytes, type ElementType } from '../data-type.js';
import { externalLocation } from '../external-data.js';
import {
  TensorProto_DataLocation,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../proto/onnx_pb.js';
import { clip, nodeLabel, refusal } from '../refusal.js';
import { subgraphsOf } from '../subgraphs.js';

export interface Parameters {
  readonly parameterCount: number;
  readonly parameterBytes: number;
  readonly externalData: readonly string[];
}

// onnxruntime folds constants while loading: a 30-byte ConstantOfShape may ask for terabytes.
const LARGEST_MADE_CONSTANT = 2 ** 31;

export function checkTensors(model: ModelProto, externalNames: ReadonlySet<string>): Parameters {
  const sum = { parameterCount: 0, parameterBytes: 0 };
  const external = new Set<string>();

  const check = (tensor: TensorProto, label: string): void => {
    const type = elementType(tensor.dataType);
    if (type === undefined) throw wrong(label, tensor, `has the unknown element type ${tensor.dataType}`);
    const count = elementCount(tensor, label);
    if (tensor.segment !== undefined)
      throw wrong(label, tensor, 'is one segment of a tensor, which no runtime loads');
    const bytes = rawBytes(type, count);
    sum.parameterCount += count;
    sum.parameterBytes += bytes;
    if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
      external.add(checkExternal(tensor, bytes, label, externalNames));
    } else checkFilled(tensor, type, count, label);
  };
  const checkNodes = (nodes: readonly NodeProto[]): void => {
    const shapes = new Map<string, TensorProto>();
    for (const node of nodes) {
      for (const attribute of node.attribute) {
        if (attribute.t !== undefined) {
          check(attribute.t, `The constant in ${nodeLabel(node)}`);
          if (node.opType === 'Constant') shapes.set(node.output[0] ?? '', attribute.t);
        }
        for (const tensor of attribute.tensors) check(tensor, `A constant in ${nodeLabel(node)}`);
        const single = attribute.sparseTensor === undefined ? [] : [attribute.sparseTensor];
        for (const sparse of [...single, ...attribute.sparseTensors]) {
          if (sparse.values !== undefined) check(sparse.values, `The sparse constant in ${nodeLabel(node)}`);
          if (sparse.indices !== undefined)
            check(sparse.indices, `The sparse constant in ${nodeLabel(node)}`);
        }
      }
      for (const body of subgraphsOf(node)) checkGraph(body);
    }
    checkMadeConstants(nodes, shapes);
  };
  const checkGraph = (graph: GraphProto): void => {
    for (const tensor of graph.initializer) check(tensor, `The initialiser "${clip(tensor.name)}"`);
    for (const { values, indices } of graph.sparseInitializer) {
      if (values !== undefined) check(values, `The sparse initialiser "${clip(values.name)}"`);
      if (indices !== undefined)
        check(indices, `The indices of the sparse initialiser "${clip(values?.name ?? '')}"`);
    }
    checkNodes(graph.node);
    checkMadeConstants(graph.node, new Map(graph.initializer.map((tensor) => [tensor.name, tensor])));
  };
  if (model.graph !== undefined) checkGraph(model.graph);
  for (const one of model.functions) checkNodes(one.node);
  return { ...sum, externalData: [...external].sort() };
}

function elementCount(tensor: TensorProto, label: string): number {
  let count = 1;
  for (const size of tensor.dims) {
    if (size < 0n) throw wrong(label, tensor, `has the negative size ${size}`);
    count *= Number(size);
  }
  // Beyond 2^48 bytes no address space holds it, and products of sizes start to overflow in the runtime.
  if (count > 2 ** 48) throw wrong(label, tensor, `has the absurd shape [${tensor.dims.join(', ')}]`);
  return count;
}

function checkFilled(tensor: TensorProto, type: ElementType, count: number, label: string): void {
  if (type.field === 'stringData') {
    if (tensor.stringData.length !== count)
      throw unfilled(label, tensor, `${tensor.stringData.length} strings`, count);
    return;
  }
  if (tensor.rawData.length > 0) {
    const bytes = rawBytes(type, count);
    if (tensor.rawData.length === bytes) {
      const at = type.name === 'float32' ? firstNaN(tensor.rawData) : -1;
      if (at >= 0) throw wrong(label, tensor, `is not a number (NaN) at element ${at}`);
      return;
    }
    throw wrong(
      label,
      tensor,
      `has ${tensor.rawData.length} bytes where shape [${tensor.dims.join(', ')}] of ${type.name} takes ${bytes}`,
    );
  }
  const complex = type.name.startsWith('complex') ? 2 : 1;
  // Types below a byte share the elements of int32_data.
  const expected = type.bits < 8 ? rawBytes(type, count) : count * complex;
  const given = tensor[type.field].length;
  if (given !== expected) throw unfilled(label, tensor, `${given} values`, expected);
}

const PIECE_BYTES = 1_048_576;

// Weights that are no numbers make every answer one that is none. Infinities pass: masks are made of them.
function firstNaN(raw: Uint8Array): number {
  // Copied in pieces, since a tensor may begin at any byte of the file.
  for (let from = 0; from < raw.byteLength; from += PIECE_BYTES) {
    const words = new Uint32Array(raw.slice(from, from + PIECE_BYTES).buffer);
    for (let i = 0; i < words.length; i++)
      if (((words[i] as number) & 0x7fff_ffff) > 0x7f80_0000) return from / 4 + i;
  }
  return -1;
}

function checkExternal(
  tensor: TensorProto,
  bytes: number,
  label: string,
  names: ReadonlySet<string>,
): string {
  const { location, offset, length } = externalLocation(tensor);
  if (!names.has(location)) {
    throw wrong(label, tensor, `takes its data from "${clip(location)}", which did not come with the model`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || (length !== undefined && length !== bytes)) {
    throw wrong(
      label,
      tensor,
      `takes ${length ?? 0} bytes at ${offset} of "${clip(location)}", its shape takes ${bytes}`,
    );
  }
  return location;
}

function checkMadeConstants(nodes: readonly NodeProto[], shapes: ReadonlyMap<string, TensorProto>): void {
  for (const node of nodes) {
    if (node.opType !== 'ConstantOfShape' && node.opType !== 'Expand') continue;
    const shape = shapes.get(node.input[node.opType === 'Expand' ? 1 : 0] ?? '');
    if (shape === undefined) continue;
    const count = shapeValues(shape).reduce((product, size) => product * Math.max(Math.abs(size), 1), 1);
    if (count > LARGEST_MADE_CONSTANT) {
      throw refusal(`${nodeLabel(node)} asks for a constant of ${count} elements.`, { node: node.name });
    }
  }
}

function shapeValues(shape: TensorProto): number[] {
  if (shape.rawData.length === 0) return shape.int64Data.map(Number);
  const view = new DataView(shape.rawData.buffer, shape.rawData.byteOffset, shape.rawData.byteLength);
  return Array.from({ length: Math.floor(view.byteLength / 8) }, (_, i) =>
    Number(view.getBigInt64(i * 8, true)),
  );
}

function unfilled(label: string, tensor: TensorProto, given: string, expected: number): Error {
  return wrong(label, tensor, `holds ${given} where its shape [${tensor.dims.join(', ')}] takes ${expected}`);
}

function wrong(label: string, tensor: TensorProto, what: string): Error {
  return refusal(`${label} ${what}.`, { tensor: tensor.name });
}
