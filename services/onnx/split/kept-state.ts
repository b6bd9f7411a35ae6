// State that a stage keeps from step to step, such as the keys and values of a decoder's layer: it does not travel, and no cut may tear what
// a layer has of it from what it makes of it. stage-costs.ts asks.
import type { NodeProto } from '../proto/onnx_pb.js';
import { usedNames } from '../subgraphs.js';

/** What one step gives as `output` the next one takes as `input`. */
export interface KeptValue {
  readonly input: string;
  readonly output: string;
}

/** Whether a cut before node `at` of the order would have a value's reader in one stage and its maker in another. */
export function tears(order: readonly NodeProto[], state: readonly KeptValue[]): (at: number) => boolean {
  const spans = state.map(({ input, output }) => {
    const touching = order.flatMap((node, i) => {
      const used = usedNames(node);
      return node.output.includes(output) || used.has(input) || used.has(output) ? [i] : [];
    });
    return { first: Math.min(...touching), last: Math.max(...touching) };
  });
  return (at) => spans.some(({ first, last }) => first < at && at <= last);
}
