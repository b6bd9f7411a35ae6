// A model cut into stages by a plan: their graphs, and how their values are wired. `massif split` and the bench ask.
import type { Graph } from '../graph.js';
import { inferShapes } from '../shape.js';
import { splitAt } from '../split.js';
import type { TensorType } from '../value-info.js';
import { type CostOptions, stageProblem } from './stage-costs.js';
import { planStages, planToFit, type StagePlan } from './plan-stages.js';
import type { StageProblem } from './stage-problem.js';

export interface SplitModel {
  readonly problem: StageProblem;
  readonly plan: StagePlan;
  readonly stages: readonly Graph[];
  /** Of every value, with the sizes that were planned for where they are known. */
  readonly types: ReadonlyMap<string, TensorType>;
}

/** Into `stages`, or without a number into the fewest that fit `memoryBytes`. Throws MODEL_REFUSED naming what cannot be met. */
export async function splitModel(
  graph: Graph,
  stages: number | undefined,
  options: CostOptions = {},
): Promise<SplitModel> {
  const problem = await stageProblem(graph, options);
  const plan = stages === undefined ? planToFit(problem) : planStages(problem, stages);
  const cuts = plan.stages.slice(1).map(({ from }) => from);
  const types = inferShapes(graph, options);
  return { problem, plan, types, stages: cuts.length === 0 ? [graph] : splitAt(graph, cuts) };
}
