// What is allowed and still worth a person's eye before they approve a version: branches that the values of an input decide (where a
// trigger would hide), loops that the request bounds, weights that are infinite. Reported, never refused: real models have all of
// them. Used by scan.ts.
import type { GraphProto, ModelProto, NodeProto } from '../proto/onnx_pb.js';
import { nodeLabel } from '../refusal.js';
import { subgraphsOf, usedNames } from '../subgraphs.js';

const FINDINGS_MAX = 32;
const LENGTH_MAX = 300;
/** These look at the form of a tensor: what follows from them follows from no value. */
const OF_FORM: ReadonlySet<string> = new Set(['Shape', 'Size', 'ConstantOfShape', 'EyeLike']);
/** The question that a hidden trigger asks: is this value that constant? */
const COMPARISONS: ReadonlySet<string> = new Set([
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
]);

export function findingsOf(model: ModelProto, unbounded: readonly string[]): string[] {
  const findings = [
    ...(model.graph ? branches(model.graph, new Set()) : []),
    ...unbounded.map(
      (label) => `How often ${label} turns is not in the file: the host's limit on a run ends it.`,
    ),
  ];
  const more = findings.length - FINDINGS_MAX;
  const kept = findings.slice(0, FINDINGS_MAX).map((one) => one.slice(0, LENGTH_MAX));
  return more > 0 ? [...kept, `And ${more} more.`] : kept;
}

/** `live`: names from outside that follow from values of the model's inputs. */
function branches(graph: GraphProto, live: ReadonlySet<string>): string[] {
  const found: string[] = [];
  const constants = new Set(graph.initializer.map(({ name }) => name));
  const values = new Set(live);
  for (const { name } of graph.input) if (!constants.has(name)) values.add(name);
  const makers = new Map<string, NodeProto>();
  for (const node of graph.node) {
    for (const output of node.output) makers.set(output, node);
    const fromValues = [...usedNames(node)].some((name) => values.has(name));
    const condition = node.input[0] ?? '';
    if ((node.opType === 'If' || node.opType === 'Where') && values.has(condition)) {
      const asked = comparisonBehind(condition, makers);
      // Where chooses by value all the time (masks, clipping); without a comparison with something it is no question.
      if (node.opType === 'If' || asked !== undefined)
        found.push(
          `${nodeLabel(node)} chooses by the values of an input${asked ? `, compared by ${nodeLabel(asked)}` : ''}.`,
        );
    }
    for (const body of subgraphsOf(node)) found.push(...branches(body, values));
    if (fromValues && !OF_FORM.has(node.opType)) for (const output of node.output) values.add(output);
  }
  return found;
}

const LOOK_BACK_MAX = 8;

/** The nearest comparison that the condition comes from, a few steps back. */
function comparisonBehind(name: string, makers: ReadonlyMap<string, NodeProto>): NodeProto | undefined {
  let front = [name];
  for (let step = 0; step < LOOK_BACK_MAX && front.length > 0; step++) {
    const nodes = front.flatMap((one) => makers.get(one) ?? []);
    const asked = nodes.find(({ opType }) => COMPARISONS.has(opType));
    if (asked) return asked;
    front = [...new Set(nodes.flatMap(({ input }) => input))].slice(0, 64);
  }
  return undefined;
}
