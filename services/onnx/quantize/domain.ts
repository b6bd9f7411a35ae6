// Says that a model uses operators of com.microsoft, where it does not say so yet. Whoever writes such a node calls it.
import { create } from '@bufbuild/protobuf';
import type { Graph } from '../graph.js';
import { OperatorSetIdProtoSchema } from '../proto/onnx_pb.js';

export function useMicrosoft({ model }: Graph): void {
  if (model.opsetImport.some(({ domain }) => domain === 'com.microsoft')) return;
  model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n }));
}
