// A batch of examples as the tensors that a model takes: bytes and tokens get the types of the graph's inputs.
import { float32, type Tensor } from '../../onnx/tensor.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import type { Batch, ExampleLayout } from '../data/example-file.js';

export function inputTensor({ input, size }: Batch, { element, shape }: ExampleLayout): Tensor {
  const dims = [size, ...shape];
  if (element === 'int32')
    return { dataType: T.INT64, dims, data: BigInt64Array.from(input as Int32Array, BigInt) };
  return float32(dims, input instanceof Float32Array ? input : Float32Array.from(input));
}

export function targetTensor({ target, size }: Batch, { targetSize }: ExampleLayout): Tensor {
  const dims = targetSize === 1 ? [size] : [size, targetSize];
  return { dataType: T.INT64, dims, data: BigInt64Array.from(target, BigInt) };
}
