// What a decomposition is asked: to write the same value in operators that have backward rules. lowered.ts calls them.
import type { NodeProto } from '../../proto/onnx_pb.js';
import { failure } from '../../../../contracts/errors.js';
import { nodeLabel } from '../../refusal.js';
import type { Writer } from '../writer.js';

/** In step with the node's outputs; undefined where one cannot be made, which is fine as long as nobody reads it. */
export type Lowering = (write: Writer, node: NodeProto) => readonly (string | undefined)[];
export type Lowerings = Readonly<Record<string, Lowering>>;

export const given = (node: NodeProto, i: number): string | undefined => {
  const name = node.input[i];
  return name === undefined || name === '' ? undefined : name;
};

export const inputOf = (node: NodeProto, i: number): string => {
  const name = given(node, i);
  if (name === undefined) throw unsupported(node, `no input ${i}`);
  return name;
};

export function unsupported(node: NodeProto, what: string): Error {
  return failure('UNSUPPORTED', `No gradient is known for ${nodeLabel(node)} with ${what}.`, {
    node: node.name,
    operator: node.opType,
  });
}
