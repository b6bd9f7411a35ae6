// A batch of examples as the tensors that a model takes: bytes and tokens get the types of the graph's inputs.
import { float32, type Tensor } from '../tensor.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Batch, ExampleLayout } from './example-file.js';
import type { Prepared } from './prepared.js';

export function inputTensor({ input, size }: Batch, { element, shape }: ExampleLayout): Tensor {
  const dims = [size, ...shape];
  if (element === 'int32')
    return { dataType: T.INT64, dims, data: BigInt64Array.from(input as Int32Array, BigInt) };
  return float32(dims, input instanceof Float32Array ? input : Float32Array.from(input));
}

/** A number in deviations from the mean, which is how it is learned. */
export function targetTensor(
  { target, size }: Batch,
  { targetSize, target: number }: Pick<Prepared, 'targetSize' | 'target'>,
): Tensor {
  if (target instanceof Float32Array) {
    const { mean, deviation } = number ?? { mean: 0, deviation: 1 };
    return float32(
      [size, 1],
      target.map((value) => (value - mean) / deviation),
    );
  }
  const dims = targetSize === 1 ? [size] : [size, targetSize];
  return { dataType: T.INT64, dims, data: BigInt64Array.from(target, BigInt) };
}
