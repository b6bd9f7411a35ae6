// One call of a model as the examples see it: typed arrays in, tensors out. The client provides it, and a test may run a session.
import type { Tensor, TensorData } from '../contracts/tensor.js';
import type { Datatype } from '../contracts/tensor-spec.js';

/** `datatype` follows from the array, except for FP16, BF16 and BOOL, which share theirs with UINT16 and UINT8. */
export interface InputTensor {
  data: TensorData;
  shape: readonly number[];
  datatype?: Datatype;
}

export type Inputs = Readonly<Record<string, InputTensor>>;
export type Outputs = Record<string, Tensor>;
export type Call = (inputs: Inputs) => Promise<Outputs>;
