// What was asked, as a SHA-256 over all of it: two requests of one digest get one answer. `inputs` are those of a decoded request in
// the model's order, so JSON and binary, and any order of fields, come to the same.
import { createHash } from 'node:crypto';
import type { InferRequest } from '../../../contracts/infer-body.js';
import { type Tensor, toBlob } from '../../../contracts/tensor.js';

/** Ids, and how the outputs are wanted, change nothing about what is run: every run computes all outputs. */
export function askedDigest(
  inputs: readonly Tensor[],
  { parameters }: Pick<InferRequest, 'parameters'>,
): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(Object.entries(parameters).toSorted(([a], [b]) => (a < b ? -1 : 1))));
  for (const { name, datatype, shape, data } of inputs) {
    const blob = toBlob(data);
    // The lengths make what follows what unambiguous.
    hash.update(JSON.stringify([name, datatype, shape, blob.length]));
    hash.update(blob);
  }
  return hash.digest('hex');
}

/** Of the bytes as they came: what a request id stands for. */
export const bodyDigest = (body: Uint8Array, jsonLength: number | undefined): string =>
  createHash('sha256')
    .update(`${jsonLength ?? 'json'} `)
    .update(body)
    .digest('hex');
