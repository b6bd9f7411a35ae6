// Our tensors as onnxruntime's and back. The memory is shared, not copied.
import assert from 'node:assert';
import * as ort from 'onnxruntime-node';
import './half-float-tensors.js';
import { dataTypeOfRuntime, elementType } from './data-type.js';
import type { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { refusal } from './refusal.js';
import type { Elements } from './elements.js';
import type { Tensor } from './tensor.js';

/** Throws MODEL_REFUSED for element types that onnxruntime-node cannot carry (int4, bfloat16, float8, ...). */
export function toRuntime(tensor: Tensor): ort.Tensor {
  const type = elementType(tensor.dataType);
  if (type?.wire === undefined)
    throw refusal(`Values of type ${type?.name ?? tensor.dataType} cannot be fed.`);
  return new ort.Tensor(type.wire.runtime, tensor.data as ort.Tensor.DataType, tensor.dims);
}

export function fromRuntime(tensor: ort.Tensor): Tensor {
  const dataType = dataTypeOfRuntime(tensor.type);
  assert(dataType !== undefined, `onnxruntime returned the unknown type ${tensor.type}`);
  return { dataType: dataType as T, dims: tensor.dims, data: tensor.data as Elements };
}
