// Local functions of a model: operators it brings along, written as nodes. Scan and graph look calls up by this key.
import type { FunctionProto } from './proto/onnx_pb.js';

/** What a call and its definition have in common. Pass `opType` for a node, whose `name` means something else. */
export function functionKey(
  one: Pick<FunctionProto, 'name' | 'domain' | 'overload'>,
  opType = one.name,
): string {
  return `${one.domain === 'ai.onnx' ? '' : one.domain}\n${opType}\n${one.overload}`;
}
