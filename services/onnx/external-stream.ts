// Weights of models that no memory holds whole, tensor by tensor from a stream: the resource is read once from its beginning, and at
// any moment one tensor is held. So a model above 2 GB is looked at, cast, quantized or pruned in the memory of its largest tensor.
// Compressor and auditor use it; who has all bytes takes externalise.ts.
import { create } from '@bufbuild/protobuf';
import { elementType, rawBytes } from './data-type.js';
import { externalLocation } from './external-data.js';
import type { Graph } from './graph.js';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  type TensorProto,
} from './proto/onnx_pb.js';
import { clip, refusal } from './refusal.js';
import { elementCount, readTensor, type Tensor, writeTensor } from './tensor.js';
import { variant } from './variant.js';

export interface StreamedTensor {
  /** Initialisers that share these bytes: tied weights are one tensor with several names. */
  readonly names: readonly string[];
  readonly tensor: Tensor;
}

/** Readers may map the resource into memory, where pages of 4 KiB are the unit. */
const ALIGNMENT = 4096;
/** One tensor is one ArrayBuffer. */
const TENSOR_BYTES_MAX = 2 ** 32;

interface Place {
  readonly offset: number;
  readonly bytes: number;
  readonly protos: TensorProto[];
}

/**
 * The initialisers of `graph` that lie in the resource `location`, in the order of their bytes; `tensor.data` is the caller's. Throws
 * MODEL_REFUSED naming the tensor where two overlap without being the same, or the stream ends before it does.
 */
export async function* streamedTensors(
  graph: Graph,
  location: string,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<StreamedTensor> {
  const bytes = new ByteStream(source);
  for (const { offset, bytes: size, protos } of placesIn(graph, location)) {
    const [first] = protos;
    if (first === undefined) continue;
    await bytes.skipTo(offset);
    const content = await bytes.take(size);
    if (content === undefined)
      throw refusal(
        `The stream of "${clip(location)}" ends at ${bytes.position}, before the tensor "${clip(first.name)}" does: ${size} bytes at ${offset}.`,
        { tensor: first.name, location },
      );
    const inside = variant(first, { rawData: content, externalData: [], dataLocation: Location.DEFAULT });
    yield { names: protos.map(({ name }) => name), tensor: readTensor(inside) };
  }
}

/**
 * The resource anew, chunk by chunk, with every tensor as `change` gives it back (another type or shape as well). The graph's
 * initialisers point to their new places when the last chunk was taken; until then it must not be written.
 */
export async function* rewrittenTensors(
  graph: Graph,
  location: string,
  source: AsyncIterable<Uint8Array>,
  change: (tensor: Tensor, names: readonly string[]) => Tensor | Promise<Tensor>,
): AsyncGenerator<Uint8Array> {
  const moved = new Map<string, TensorProto>();
  let length = 0;
  for await (const { names, tensor } of streamedTensors(graph, location, source)) {
    const padding = (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
    if (padding > 0) yield new Uint8Array(padding);
    const changed = await change(tensor, names);
    const { rawData } = writeTensor('', changed);
    const offset = length + padding;
    yield rawData;
    length = offset + rawData.length;
    for (const name of names) {
      const proto = writeTensor(name, { ...changed, dims: [0], data: new Uint8Array() });
      moved.set(
        name,
        variant(proto, {
          dims: changed.dims.map(BigInt),
          dataLocation: Location.EXTERNAL,
          externalData: entries({ location, offset, length: rawData.length }),
        }),
      );
    }
  }
  graph.replaceInitializers(moved);
}

function placesIn(graph: Graph, location: string): Place[] {
  const places = new Map<number, Place>();
  for (const proto of graph.proto.initializer) {
    if (proto.dataLocation !== Location.EXTERNAL) continue;
    const at = externalLocation(proto);
    if (at.location !== location) continue;
    const bytes = bytesOf(proto, at.length);
    if (!Number.isSafeInteger(at.offset) || at.offset < 0) throw misplaced(proto, `lies at ${at.offset}`);
    const known = places.get(at.offset);
    if (known === undefined) places.set(at.offset, { offset: at.offset, bytes, protos: [proto] });
    else if (known.bytes === bytes && sameForm(known.protos[0], proto)) known.protos.push(proto);
    else
      throw misplaced(proto, `takes other bytes at ${at.offset} than "${clip(known.protos[0]?.name ?? '')}"`);
  }
  const sorted = [...places.values()].toSorted((a, b) => a.offset - b.offset);
  sorted.forEach(({ offset, protos: [proto] }, i) => {
    const before = sorted[i - 1];
    if (before !== undefined && proto !== undefined && before.offset + before.bytes > offset)
      throw misplaced(proto, `begins within "${clip(before.protos[0]?.name ?? '')}"`);
  });
  return sorted;
}

function bytesOf(proto: TensorProto, length: number | undefined): number {
  const type = elementType(proto.dataType);
  if (type === undefined || type.bits === 0) throw misplaced(proto, 'is of a type that no bytes hold');
  const dims = proto.dims.map(Number);
  const bytes = rawBytes(type, elementCount(dims));
  if (dims.some((size) => size < 0) || !(bytes <= TENSOR_BYTES_MAX))
    throw misplaced(proto, `has the shape [${dims.join(', ')}], more than one tensor may be`);
  if (length !== undefined && length !== bytes)
    throw misplaced(proto, `takes ${length} bytes, its shape takes ${bytes}`);
  return bytes;
}

const sameForm = (a: TensorProto | undefined, b: TensorProto): boolean =>
  a?.dataType === b.dataType && a.dims.join() === b.dims.join();

const misplaced = (proto: TensorProto, what: string): Error =>
  refusal(`The tensor "${clip(proto.name)}" ${what}.`, { tensor: proto.name });

const entries = (fields: Readonly<Record<string, string | number>>) =>
  Object.entries(fields).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );

/** Forward only; holds what was asked for and the rest of one chunk. */
class ByteStream {
  position = 0;
  private rest: Uint8Array = new Uint8Array();
  private readonly chunks: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.chunks = source[Symbol.asyncIterator]();
  }

  async skipTo(offset: number): Promise<void> {
    while (this.position < offset && (await this.fill())) this.pass(offset - this.position);
  }

  /** Undefined where the stream ends before. */
  async take(size: number): Promise<Uint8Array | undefined> {
    const whole = new Uint8Array(size);
    for (let filled = 0; filled < size;) {
      if (!(await this.fill())) return undefined;
      const part = this.pass(size - filled);
      whole.set(part, filled);
      filled += part.length;
    }
    return whole;
  }

  private async fill(): Promise<boolean> {
    while (this.rest.length === 0) {
      const { value, done } = await this.chunks.next();
      if (done === true) return false;
      this.rest = value;
    }
    return true;
  }

  private pass(most: number): Uint8Array {
    const part = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(part.length);
    this.position += part.length;
    return part;
  }
}
