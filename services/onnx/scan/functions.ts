// Local functions: every node is a known operator or a call; calls do not recurse; and unfolding them stays within
// bounds (ten functions that each call the next ten times are ten billion nodes). Used by scan.ts.
import { functionKey } from '../functions.js';
import type { GraphProto, ModelProto, NodeProto } from '../proto/onnx_pb.js';
import { clip, nodeLabel, refusal } from '../refusal.js';
import { subgraphsOf } from '../subgraphs.js';
import { LIMITS } from '../wire-bounds.js';
import { checkScope } from './scope.js';
import { ALLOWED_DOMAINS, whyNot } from './operators.js';

interface Callee {
  readonly node: NodeProto[];
  readonly name: string;
}

/** How many nodes the model has once all calls are unfolded. */
export function checkFunctions(model: ModelProto): number {
  const functions = new Map<string, Callee>();
  for (const one of model.functions) {
    const key = functionKey(one);
    if (functions.has(key))
      throw refusal(`The function "${clip(one.name)}" is defined twice.`, { function: one.name });
    functions.set(key, one);
    checkScope({ node: one.node, inputs: one.input, outputs: one.output });
  }
  const counts = new Map<string, number>();
  const open = new Set<string>();

  const countNodes = (nodes: readonly NodeProto[]): number => {
    let total = 0;
    for (const node of nodes) {
      total += 1 + countCall(node);
      for (const body of subgraphsOf(node)) total += countGraph(body);
      if (total > LIMITS.nodes)
        throw refusal(`The model has more than ${LIMITS.nodes} nodes once functions are unfolded.`);
    }
    return total;
  };
  const countGraph = (graph: GraphProto): number => countNodes(graph.node);
  const countCall = (node: NodeProto): number => {
    if (node.opType === '')
      throw refusal(`The operator of ${nodeLabel(node)} has no name.`, { node: node.name });
    const key = functions.size === 0 ? '' : functionKey(node, node.opType);
    const callee = functions.get(key);
    if (callee === undefined) {
      const not = whyNot(node.domain, node.opType);
      if (not === 'domain') throw unknownDomain(node);
      if (not === 'operator')
        throw refusal(`The operator of ${nodeLabel(node)} is not among those that may run.`, {
          node: node.name,
          operator: node.opType,
        });
      return 0;
    }
    const known = counts.get(key);
    if (known !== undefined) return known;
    if (open.has(key))
      throw refusal(`The function "${clip(callee.name)}" calls itself.`, { function: callee.name });
    if (open.size >= DEEPEST_CALL) throw refusal(`Functions call each other deeper than ${DEEPEST_CALL}.`);
    open.add(key);
    const count = countNodes(callee.node);
    open.delete(key);
    counts.set(key, count);
    return count;
  };
  for (const one of model.functions) countCallee(one);
  return countNodes(model.graph?.node ?? []);

  // A function that nobody calls is unfolded by nobody, but a ring of such functions still ends the runtime's patience.
  function countCallee(one: Callee & { domain: string; overload: string }): void {
    const key = functionKey(one);
    if (counts.has(key)) return;
    open.add(key);
    counts.set(key, countNodes(one.node));
    open.delete(key);
  }
}

const DEEPEST_CALL = 64;

function unknownDomain(node: NodeProto): Error {
  const allowed = ALLOWED_DOMAINS.map((domain) => `"${domain}"`).join(', ');
  return refusal(`The domain of ${nodeLabel(node)} is not among those that may run: ${allowed}.`, {
    node: node.name,
    domain: node.domain,
  });
}
