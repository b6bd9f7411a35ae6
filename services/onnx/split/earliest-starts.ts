// How far back a stage may reach within a device's memory. plan-stages.ts asks once for a model.
import type { StageProblem } from './stage-problem.js';

/** Entry p: the earliest position from which nodes up to p fit into one device; p itself where not even the last node does. */
export function earliestStarts(problem: StageProblem): number[] {
  const { nodeWeights, weightBytes, workBytes, memoryBytes = Infinity } = problem;
  const uses = new Map<string, number>();
  let bytes = workBytes;
  let from = 0;
  const starts = [0];
  nodeWeights.forEach((names, node) => {
    for (const name of new Set(names)) {
      const before = uses.get(name) ?? 0;
      if (before === 0) bytes += weightBytes.get(name) ?? 0;
      uses.set(name, before + 1);
    }
    for (; bytes > memoryBytes && from <= node; from++)
      for (const name of new Set(nodeWeights[from])) {
        const left = (uses.get(name) ?? 0) - 1;
        uses.set(name, left);
        if (left === 0) bytes -= weightBytes.get(name) ?? 0;
      }
    starts.push(from);
  });
  return starts;
}
