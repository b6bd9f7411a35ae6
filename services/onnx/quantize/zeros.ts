// Zero points of weights, which are 0 throughout: one for all layers of a shape, and where it is long a node that makes it while the
// model is loaded. Dense and recurrent integer kernels ask for one.
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { elementCount, int64, writeTensor } from '../tensor.js';

const LONG = 128; // below, a node takes what is saved

export function zeroPoint(graph: Graph, dataType: T, dims: readonly number[]): string {
  const name = `zeros/${dataType}/${dims.join()}`;
  if (graph.initializer(name) !== undefined || graph.producer(name) !== undefined) return name;
  const count = elementCount(dims);
  const zeros = (length: number) => (dataType === T.INT16 ? new Int16Array(length) : new Int8Array(length));
  if (count < LONG) return graph.setConstant(name, { dataType, dims, data: zeros(count) });
  const shape = graph.setConstant(graph.fresh('shape'), int64([dims.length], dims));
  graph.add('ConstantOfShape', [shape], { value: writeTensor('', { dataType, dims: [1], data: zeros(1) }) }, [
    name,
  ]);
  return name;
}
