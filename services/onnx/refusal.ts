// How the library says no: one coded failure, always naming what is wrong and where. Everything that reads a model file uses it.
import { failure, type Failure, type FailureFields } from '../../contracts/errors.js';
import type { NodeProto } from './proto/onnx_pb.js';

export function refusal(message: string, fields: FailureFields = {}, cause?: unknown): Failure {
  return failure('MODEL_REFUSED', message, fields, cause);
}

/** `node "Conv_3" (Conv)`, or by its first output where exporters left the name empty. */
export function nodeLabel(node: NodeProto): string {
  const type = node.domain === '' ? node.opType : `${node.domain}:${node.opType}`;
  if (node.name !== '') return `node "${clip(node.name)}" (${type})`;
  return `the node (${type}) that makes "${clip(node.output.find((name) => name !== '') ?? '')}"`;
}

/** Names may be anything, a whole JSON document included: a message shows the beginning. */
export function clip(name: string): string {
  return name.length > 120 ? `${name.slice(0, 117)}...` : name;
}
