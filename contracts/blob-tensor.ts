// A tensor of a binary body whose numbers still lie in the message, wherever that put them. Who joins rows copies them from there at once;
// whoever needs an array of numbers gets one when it asks, by a copy where they lie crooked. Engines read requests so.
import { ARRAYS, fromBlob, type Tensor, type TensorData } from './tensor.js';
import type { Datatype } from './tensor-spec.js';

export class BlobTensor implements Tensor {
  private numbers: TensorData | undefined;

  /** Of a size that was checked, and of no datatype whose bytes say more than their number (BOOL, BYTES). */
  constructor(
    readonly name: string,
    readonly datatype: keyof typeof ARRAYS,
    readonly shape: readonly number[],
    readonly length: number,
    readonly blob: Uint8Array,
  ) {}

  get data(): TensorData {
    return (this.numbers ??= fromBlob(this.name, this.datatype, this.length, this.blob));
  }
}

/** Whose bytes say nothing but numbers. */
export const isNumeric = (datatype: Datatype): datatype is keyof typeof ARRAYS =>
  datatype !== 'BOOL' && datatype !== 'BYTES';

/** How many elements; asks no blob for its numbers. */
export const lengthOf = (tensor: Tensor): number =>
  tensor instanceof BlobTensor ? tensor.length : tensor.data.length;
