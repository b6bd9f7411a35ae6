// The bytes that, put behind a model, give it outputs for hidden values: protobuf merges what comes twice, so the signed bytes stay as they are and none of
// them is parsed. Engines add them at every load; tap.ts adds the same for those who prove it.
import { create, toBinary } from '@bufbuild/protobuf';
import type { TapPlan, ServedTap } from '../../../contracts/taps.js';
import { attributes } from '../attributes.js';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType as T,
} from '../proto/onnx_pb.js';
import { int64, writeTensor } from '../tensor.js';
import { valueInfo } from '../value-info.js';

/** Axes given as an input instead of an attribute. */
const AXES_INPUT_OPSET = 18;
const AXES: Readonly<Record<number, readonly number[]>> = { 2: [], 3: [1], 4: [2, 3] };

export function tapSuffix({ opset, taps }: Pick<TapPlan, 'opset' | 'taps'>): Uint8Array {
  const parts = taps.map((tap) => partOf(tap, opset));
  const graph = create(GraphProtoSchema, {
    node: parts.map(({ node }) => node),
    initializer: parts.flatMap(({ initializer }) => initializer),
    output: taps.map(({ output, width }) => valueInfo(output, T.FLOAT, ['', width])),
  });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph }));
}

export function withTaps(model: Uint8Array, plan: Pick<TapPlan, 'opset' | 'taps'>): Uint8Array {
  const suffix = tapSuffix(plan);
  const bytes = new Uint8Array(model.length + suffix.length);
  bytes.set(model);
  bytes.set(suffix, model.length);
  return bytes;
}

function partOf({ value, output, rank }: ServedTap, opset: number) {
  const axes = AXES[rank] ?? [];
  const node = (opType: string, input: string[], values = {}) =>
    create(NodeProtoSchema, { opType, name: output, input, output: [output], attribute: attributes(values) });
  if (axes.length === 0) return { node: node('Identity', [value]), initializer: [] };
  if (opset < AXES_INPUT_OPSET)
    return { node: node('ReduceMean', [value], { axes, keepdims: 0 }), initializer: [] };
  const name = `${output}_axes`;
  return {
    node: node('ReduceMean', [value, name], { keepdims: 0 }),
    initializer: [writeTensor(name, int64([axes.length], axes))],
  };
}
