// What a caller gives as inputs, as tensors of the protocol. Mistakes are told here, before anything is sent.
import { failure } from '../contracts/errors.js';
import { quote } from '../contracts/quote.js';
import { ARRAYS, elementCount, type Tensor, type TensorData } from '../contracts/tensor.js';
import type { Datatype } from '../contracts/tensor-spec.js';
import type { Inputs } from './call.js';

export function inputTensors(inputs: Inputs): Tensor[] {
  return Object.entries(inputs).map(([name, { data, shape, datatype = datatypeOf(data, name) }]) => {
    const carrier = datatype === 'BYTES' ? Array : ARRAYS[datatype];
    if (!(data instanceof carrier)) {
      throw failure(
        'BAD_REQUEST',
        `Input ${quote(name)} is ${datatype}, whose data is ${carrier.name}, not ${data.constructor.name}.`,
      );
    }
    const count = elementCount(shape, name);
    if (data.length !== count) {
      throw failure(
        'BAD_REQUEST',
        `Input ${quote(name)} has ${data.length} elements; its shape [${shape.join(',')}] has ${count}.`,
      );
    }
    return { name, datatype, shape, data };
  });
}

/** 16-bit floats and truth values share their arrays with integers, so those take an explicit datatype. */
const DATATYPES = new Map<unknown, Datatype>([
  [Float32Array, 'FP32'],
  [Float64Array, 'FP64'],
  [BigInt64Array, 'INT64'],
  [BigUint64Array, 'UINT64'],
  [Int32Array, 'INT32'],
  [Int16Array, 'INT16'],
  [Int8Array, 'INT8'],
  [Uint32Array, 'UINT32'],
  [Uint16Array, 'UINT16'],
  [Uint8Array, 'UINT8'],
  [Array, 'BYTES'],
]);

function datatypeOf(data: TensorData, name: string): Datatype {
  for (const [carrier, datatype] of DATATYPES) {
    if (data instanceof (carrier as new () => TensorData)) return datatype;
  }
  throw failure(
    'BAD_REQUEST',
    `The data of input ${quote(name)} is neither a typed array nor a list of texts.`,
  );
}
