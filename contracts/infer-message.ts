// An inference as everybody holds it who is not on the wire: what is asked, and what is answered. infer-body.ts reads and writes both.
import type { Parameters } from './body-tensors.js';
import type { Tensor } from './tensor.js';

export interface WantedOutput {
  name: string;
  parameters?: Parameters;
}

export interface InferRequest {
  id?: string;
  /** Without `binary_data_output`, which is the field below. */
  parameters: Parameters;
  inputs: Tensor[];
  /** Absent: all of them. */
  outputs?: WantedOutput[];
  binaryOutput: boolean;
}

export interface InferResponse {
  modelName: string;
  modelVersion?: string;
  id?: string;
  parameters?: Parameters;
  outputs: Tensor[];
}
