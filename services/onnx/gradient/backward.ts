// The backward pass: goes through the graph against the flow and asks each operator's rule for the gradients of its
// inputs. training-graph.ts, checks and everything that asks what a loss depends on stand on it.
// Reverse accumulation as in Griewank and Walther, Evaluating Derivatives, chapter 3.
import { failure } from '../../../contracts/errors.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { nodeLabel } from '../refusal.js';
import { accumulated } from './accumulate.js';
import { Asked, type Forms } from './rule.js';
import { gradientRuleOf, stopsGradient } from './rules.js';
import type { Writer } from './writer.js';

/**
 * Writes the backward pass of the graph behind `write`. `seeds` are gradients that are given: value to the name that
 * holds its gradient. Returns the gradients of `targets`; one that nothing depends on is absent. Throws UNSUPPORTED
 * naming the node where an operator on the way has no rule.
 */
export function writeGradients(
  write: Writer,
  seeds: ReadonlyMap<string, string>,
  targets: readonly string[],
  forms: Forms = {},
): Map<string, string> {
  const order = write.graph.ordered();
  const wanted = dependants(write, order, targets);
  const contributions = new Map<string, string[]>();
  const gradients = new Map<string, string>();
  const settle = (value: string): void => {
    const parts = contributions.get(value);
    if (parts !== undefined && !gradients.has(value)) gradients.set(value, accumulated(write, parts));
  };
  for (const [value, gradient] of seeds) contributions.set(value, [gradient]);
  for (const node of order.reverse()) {
    node.output.forEach(settle);
    if (!node.output.some((name) => gradients.has(name)) || !node.input.some((name) => wanted.has(name)))
      continue;
    if (stopsGradient(node)) continue;
    const parts = ruleFor(node)(new Asked(write, node, gradients, wanted, forms));
    node.input.forEach((name, i) => {
      const part = parts[i];
      if (part === undefined || !wanted.has(name)) return;
      contributions.set(name, [...(contributions.get(name) ?? []), part]);
    });
  }
  targets.forEach(settle);
  return new Map(
    targets.flatMap((name) => {
      const gradient = gradients.get(name);
      return gradient === undefined ? [] : [[name, gradient] as const];
    }),
  );
}

function ruleFor(node: NodeProto) {
  const rule = gradientRuleOf(node);
  if (rule !== undefined) return rule;
  throw failure(
    'UNSUPPORTED',
    `The loss depends on ${nodeLabel(node)}, and ${node.opType} has no gradient here: freeze what stands before it, or replace it.`,
    { node: node.name, operator: node.opType },
  );
}

/** Every value that changes when a target changes, as far as gradients flow. */
function dependants(write: Writer, order: readonly NodeProto[], targets: readonly string[]): Set<string> {
  const wanted = new Set(targets);
  for (const node of order) {
    if (stopsGradient(node) || !node.input.some((name) => wanted.has(name))) continue;
    for (const name of node.output) {
      // A quantized value is an integer, but QuantizeLinear and DequantizeLinear pass gradients through it.
      if (name !== '' && (write.isReal(name) || node.opType === 'QuantizeLinear')) wanted.add(name);
    }
  }
  return wanted;
}
