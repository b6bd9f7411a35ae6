// Values known before the first run: initialisers and Constant nodes, which exporters use interchangeably.
import { floatsOf, intsOf, stringsOf } from './attributes.js';
import type { ExternalData } from './external-data.js';
import { TensorProto_DataType as T, type NodeProto } from './proto/onnx_pb.js';
import { float32, int64, readTensor, type Tensor } from './tensor.js';

/** The value of a Constant node; undefined for other nodes and for sparse constants. */
export function constantOf(node: NodeProto, external?: ExternalData): Tensor | undefined {
  if (node.opType !== 'Constant' || node.domain !== '') return undefined;
  const [attribute] = node.attribute;
  switch (attribute?.name) {
    case 'value':
      return attribute.t === undefined ? undefined : readTensor(attribute.t, external);
    case 'value_float':
      return float32([], [attribute.f]);
    case 'value_floats': {
      const floats = floatsOf(node, 'value_floats') ?? [];
      return float32([floats.length], floats);
    }
    case 'value_int':
      return int64([], [Number(attribute.i)]);
    case 'value_ints': {
      const ints = intsOf(node, 'value_ints') ?? [];
      return int64([ints.length], ints);
    }
    case 'value_string':
      return { dataType: T.STRING, dims: [], data: [new TextDecoder().decode(attribute.s)] };
    case 'value_strings': {
      const strings = stringsOf(node, 'value_strings') ?? [];
      return { dataType: T.STRING, dims: [strings.length], data: strings };
    }
    case undefined:
    default:
      return undefined;
  }
}
