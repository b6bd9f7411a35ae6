// What a compression job learns from, calibrates with and is judged by. Labelled examples and plain requests each make one; the work
// knows no other difference between them.
import type { CompressReport } from '../../../contracts/compress-report.js';
import type { Network } from '../../../contracts/train-job.js';
import type { Tensors } from '../../onnx/session.js';
import type { Samples } from '../../onnx/quantize/calibrate.js';
import type { Batches } from '../../onnx/training/tune.js';

/** A search chooses by `choice`; what is reported comes from `test`, which nothing was chosen or learned by. */
export type HeldPart = 'choice' | 'test';

export interface Proof {
  readonly figure: CompressReport['figure'];
  /** Absent where there are no labels. */
  readonly batches?: Batches;
  readonly samples: () => Samples;
  /** A network as people describe it, on these data; absent where what goes in is not known. */
  readonly network?: (network: Network) => Uint8Array;
  /** Higher is better. */
  readonly measure: (model: Uint8Array, part: HeldPart) => Promise<number>;
  /** Examples of the part `test`. */
  readonly examples: number;
  /** One example, to time models with. */
  readonly feeds: Tensors;
  readonly digest: string;
}
