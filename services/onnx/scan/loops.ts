// Loops whose number of rounds stands in the file: a small model that turns three million times blocks its engine for seconds, and a
// billion times until the host kills it. Loops that the request or the data bounds pass; the host's limit on a run is theirs. Used by scan.ts.
import type { GraphProto, ModelProto, NodeProto, TensorProto } from '../proto/onnx_pb.js';
import { nodeLabel, refusal } from '../refusal.js';
import { subgraphsOf } from '../subgraphs.js';

const ROUNDS_MAX = 10_000n;

/** Throws MODEL_REFUSED for a constant number of rounds beyond the limit, nested loops multiplied; counts those it cannot know. */
export function checkLoops(model: ModelProto): { readonly unbounded: readonly string[] } {
  const unbounded: string[] = [];
  const walk = (
    nodes: readonly NodeProto[],
    outer: ReadonlyMap<string, TensorProto>,
    around: bigint,
    initializers: readonly TensorProto[],
  ): void => {
    const constants = new Map(outer);
    for (const tensor of initializers) constants.set(tensor.name, tensor);
    for (const node of nodes) {
      const value = node.attribute.find(({ name }) => name === 'value')?.t;
      if (node.opType === 'Constant' && value !== undefined) constants.set(node.output[0] ?? '', value);
      let rounds = around;
      if (node.opType === 'Loop') {
        const given = constants.get(node.input[0] ?? '');
        const count = given && wholeNumber(given);
        if (count === undefined) unbounded.push(nodeLabel(node));
        else rounds = around * (count > 0n ? count : 1n);
        if (rounds > ROUNDS_MAX)
          throw refusal(
            `${nodeLabel(node)} turns ${rounds} times; ${ROUNDS_MAX} rounds may stand in a model.`,
            {
              node: node.name,
            },
          );
      }
      for (const body of subgraphsOf(node)) walkGraph(body, constants, rounds);
    }
  };
  const walkGraph = (graph: GraphProto, outer: ReadonlyMap<string, TensorProto>, around: bigint): void =>
    walk(graph.node, outer, around, graph.initializer);
  if (model.graph !== undefined) walkGraph(model.graph, new Map(), 1n);
  for (const one of model.functions) walk(one.node, new Map(), 1n, []);
  return { unbounded };
}

function wholeNumber(tensor: TensorProto): bigint | undefined {
  if (tensor.int64Data.length > 0) return tensor.int64Data[0];
  if (tensor.rawData.length < 8) return undefined;
  return new DataView(tensor.rawData.buffer, tensor.rawData.byteOffset, 8).getBigInt64(0, true);
}
