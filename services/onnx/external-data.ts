// Weights outside the model file. They are taken from bytes that the caller hands over under their name, never from a
// path: who writes the model would choose the path.
import type { TensorProto } from './proto/onnx_pb.js';
import { clip, refusal } from './refusal.js';

/** Resources that came with a model: name as the model writes it, and the bytes. */
export type ExternalData = ReadonlyMap<string, Uint8Array>;

export interface ExternalLocation {
  readonly location: string;
  readonly offset: number;
  /** Absent: up to the size that the shape takes. */
  readonly length?: number;
}

export function externalLocation(tensor: TensorProto): ExternalLocation {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const length = entries.get('length');
  return {
    location: entries.get('location') ?? '',
    offset: Number(entries.get('offset') ?? 0),
    ...(length === undefined ? {} : { length: Number(length) }),
  };
}

/** A view of the tensor's bytes inside the given resource. */
export function externalBytes(tensor: TensorProto, byteLength: number, external: ExternalData): Uint8Array {
  const { location, offset } = externalLocation(tensor);
  const resource = external.get(location);
  if (resource === undefined) {
    throw refusal(
      `The tensor "${clip(tensor.name)}" takes its data from "${clip(location)}", which was not given.`,
      {
        tensor: tensor.name,
        location,
      },
    );
  }
  if (!(offset >= 0) || offset + byteLength > resource.length) {
    throw refusal(
      `The tensor "${clip(tensor.name)}" takes ${byteLength} bytes at ${offset} of "${clip(location)}", which has ${resource.length}.`,
      { tensor: tensor.name, location },
    );
  }
  return resource.subarray(offset, offset + byteLength);
}
