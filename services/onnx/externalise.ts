// Weights out of the model file and back into it. A protobuf ends at 2 GB; larger models keep their weights in resources
// beside it, which travel and are verified as the file itself is. Tensors go one by one: no second copy of all of them.
import { create } from '@bufbuild/protobuf';
import { externalBytes, type ExternalData } from './external-data.js';
import { elementType, rawBytes } from './data-type.js';
import type { Graph } from './graph.js';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  type TensorProto,
} from './proto/onnx_pb.js';
import { elementCount, readTensor, writeTensor } from './tensor.js';
import { variant } from './variant.js';

// Readers may map the resource into memory, where pages of 4 KiB are the unit.
const ALIGNMENT = 4096;

export interface Externalised {
  /** Chunks in order; joined they are the resource. */
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
}

/** Moves initialisers of at least `minBytes` into one resource called `name`. Changes the graph; weights are not copied. */
export function externalise(graph: Graph, name: string, minBytes = 1024): Externalised {
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  graph.proto.initializer = graph.proto.initializer.map((tensor) => {
    const raw = tensor.rawData.length > 0 ? tensor.rawData : rawOf(tensor, graph.external);
    if (raw === undefined || raw.length < minBytes) return tensor;
    const padding = (ALIGNMENT - (byteLength % ALIGNMENT)) % ALIGNMENT;
    if (padding > 0) chunks.push(new Uint8Array(padding));
    const offset = byteLength + padding;
    chunks.push(raw);
    byteLength = offset + raw.length;
    return pointing(tensor, name, offset, raw.length);
  });
  return { chunks, byteLength };
}

/** The inverse: every external weight of the graph becomes raw data of the file, as a view of the given resource. */
export function internalise(graph: Graph): void {
  graph.proto.initializer = graph.proto.initializer.map((tensor) => {
    const type = elementType(tensor.dataType);
    if (tensor.dataLocation !== Location.EXTERNAL || type === undefined) return tensor;
    const bytes = rawBytes(type, elementCount(tensor.dims.map(Number)));
    const inside = variant(tensor, {
      rawData: externalBytes(tensor, bytes, graph.external),
      externalData: [],
    });
    inside.dataLocation = Location.DEFAULT;
    return inside;
  });
}

function rawOf(tensor: TensorProto, external: ExternalData): Uint8Array | undefined {
  const isString = elementType(tensor.dataType)?.bits === 0;
  if (isString || tensor.dataLocation === Location.EXTERNAL) return undefined;
  return writeTensor(tensor.name, readTensor(tensor, external)).rawData;
}

function pointing(tensor: TensorProto, location: string, offset: number, length: number): TensorProto {
  const entry = (key: string, value: string | number) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) });
  return variant(tensor, {
    rawData: new Uint8Array(),
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    dataLocation: Location.EXTERNAL,
    externalData: [entry('location', location), entry('offset', offset), entry('length', length)],
  });
}
