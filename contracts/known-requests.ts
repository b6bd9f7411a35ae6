// Binary requests repeat from call to call: the same JSON part, other bytes behind it. What was read of such a part is kept with its parsed
// object (body-tensors.ts keeps one of each length), and the next request of it is its blobs alone. infer-body.ts asks; nothing kept is changed.
import { isObject, type JsonObject } from './body-tensors.js';
import { BlobTensor, isNumeric } from './blob-tensor.js';
import type { InferRequest } from './infer-message.js';
import { elementCount, fromBlob, type Tensor } from './tensor.js';
import type { Datatype } from './tensor-spec.js';

interface BinaryTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly count: number;
  readonly bytes: number;
}

interface Known extends Pick<InferRequest, 'parameters' | 'binaryOutput'> {
  readonly outputs: InferRequest['outputs'] | undefined;
  readonly tensors: readonly BinaryTensor[];
  /** Of all blobs. */
  readonly bytes: number;
}

const known = new WeakMap<JsonObject, Known>();

/** Undefined where its head is new, or its blobs are not as long as its head says: reading it says what is wrong. */
export function knownRequest(
  json: JsonObject,
  bytes: Uint8Array,
  jsonLength: number,
  asBlobs: boolean,
): InferRequest | undefined {
  const found = known.get(json);
  if (found === undefined || found.bytes !== bytes.length - jsonLength) return undefined;
  const { parameters, outputs, binaryOutput, tensors } = found;
  const inputs: Tensor[] = [];
  let at = jsonLength;
  for (const { name, datatype, shape, count, bytes: size } of tensors) {
    const blob = bytes.subarray(at, at + size);
    inputs.push(
      asBlobs && isNumeric(datatype)
        ? new BlobTensor(name, datatype, shape, count, blob)
        : { name, datatype, shape, data: fromBlob(name, datatype, count, blob) },
    );
    at += size;
  }
  const request: InferRequest = { parameters, inputs, binaryOutput };
  if (outputs) request.outputs = outputs;
  return request;
}

/** `request` is what was read of a body that begins with this object; with JSON data in it there is nothing to keep. */
export function keepRequest(
  json: JsonObject,
  { parameters, inputs, outputs, binaryOutput }: InferRequest,
): void {
  const tensors: BinaryTensor[] = [];
  let bytes = 0;
  for (const [i, { name, datatype, shape }] of inputs.entries()) {
    const size = binarySize(json, i);
    if (size === undefined) return;
    bytes += size;
    tensors.push({ name, datatype, shape, count: elementCount(shape, name), bytes: size });
  }
  known.set(json, { parameters, outputs, binaryOutput, tensors, bytes });
}

function binarySize({ inputs }: JsonObject, i: number): number | undefined {
  const tensor = Array.isArray(inputs) ? inputs[i] : undefined;
  const parameters = isObject(tensor) ? tensor['parameters'] : undefined;
  const size = isObject(parameters) ? parameters['binary_data_size'] : undefined;
  return typeof size === 'number' ? size : undefined;
}
