// Binary answers repeat as well: of one model and one shape they have the same JSON part. It is written once and copied in front of each
// answer's blobs. infer-body.ts asks.
import type { Body } from './body-tensors.js';
import type { InferResponse } from './infer-message.js';
import { space } from './space.js';
import type { Tensor } from './tensor.js';

interface Known {
  readonly head: Uint8Array;
  readonly outputs: readonly (Pick<Tensor, 'name' | 'datatype' | 'shape'> & { readonly bytes: number })[];
  /** Of head and blobs. */
  readonly bytes: number;
}

const HEAD_BYTES_MAX = 1_024;
/** Models whose last answer is remembered, in one process. */
const MODELS_MAX = 256;

const known = new Map<string, Known>();
/** Most answers are of the model of the one before: its name need not be put together and looked up. */
let last:
  | { readonly name: string; readonly version: string | undefined; readonly found: Known | undefined }
  | undefined;

/** The body of an answer with neither id nor parameters, all of whose outputs are binary; undefined where its like was not kept. */
export function knownAnswer({ modelName, modelVersion, outputs }: InferResponse): Body | undefined {
  if (last?.name !== modelName || last.version !== modelVersion)
    last = { name: modelName, version: modelVersion, found: known.get(keyOf(modelName, modelVersion)) };
  const { found } = last;
  if (found === undefined || found.outputs.length !== outputs.length) return undefined;
  for (let i = 0; i < outputs.length; i++)
    if (!isLike(outputs[i] as Tensor, found.outputs[i] as Known['outputs'][number])) return undefined;
  const bytes = space(found.bytes);
  bytes.set(found.head);
  let at = found.head.length;
  for (const { data } of outputs) {
    const { buffer, byteOffset, byteLength } = data as Float32Array;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return { bytes, jsonLength: found.head.length };
}

/** `body` is what was written for it. Texts have no fixed size: nothing is kept of an answer with one. */
export function keepAnswer(
  { modelName, modelVersion, outputs }: InferResponse,
  { bytes, jsonLength = 0 }: Body,
): void {
  if (jsonLength === 0 || jsonLength > HEAD_BYTES_MAX) return;
  if (outputs.some(({ data }) => Array.isArray(data))) return;
  const key = keyOf(modelName, modelVersion);
  if (known.size >= MODELS_MAX && !known.has(key)) known.clear();
  last = undefined;
  known.set(key, {
    head: Uint8Array.from(bytes.subarray(0, jsonLength)),
    outputs: outputs.map(({ name, datatype, shape, data }) => ({
      name,
      datatype,
      shape: [...shape],
      bytes: (data as Float32Array).byteLength,
    })),
    bytes: bytes.length,
  });
}

const keyOf = (model: string, version: string | undefined): string => `${model}\n${version ?? ''}`;

function isLike({ name, datatype, shape, data }: Tensor, like: Known['outputs'][number]): boolean {
  if (name !== like.name || datatype !== like.datatype || shape.length !== like.shape.length) return false;
  if ((data as Float32Array).byteLength !== like.bytes) return false;
  for (let i = 0; i < shape.length; i++) if (shape[i] !== like.shape[i]) return false;
  return true;
}
