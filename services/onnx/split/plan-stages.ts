// Decides where a model is cut into stages: the slowest stage as fast as can be, each within its memory, no more bytes crossing than
// an equal-layer split would send. Pure; stage-costs.ts brings the figures, split-model.ts cuts.
import { failure } from '../../../contracts/errors.js';
import { fewestBytes, type CutSearch } from './fewest-bytes.js';
import { earliestStarts } from './earliest-starts.js';
import type { StageProblem } from './stage-problem.js';

export interface PlannedStage {
  /** Nodes from..to-1. */
  readonly from: number;
  readonly to: number;
  /** Its nodes, and receiving what it starts from. */
  readonly ms: number;
  readonly memoryBytes: number;
  readonly receivedBytes: number;
}

export interface StagePlan {
  readonly stages: readonly PlannedStage[];
  readonly slowestMs: number;
  readonly cutBytes: number;
}

export const STAGES_MAX = 16;
/** The search for the slowest stage halves its interval this often: 2^-50 of the whole is below any clock. */
const HALVINGS = 50;

/**
 * Throws MODEL_REFUSED naming the constraint: more stages than cuts allow, or a memory that no cuts of this model fit. Dynamic programming
 * over the cuts inside a bisection of the slowest stage's time: O(stages x cuts x log cuts) a step.
 */
export function planStages(problem: StageProblem, stages: number): StagePlan {
  refuseCount(problem, stages);
  const whole = sum(problem.nodeMs) + Math.max(0, ...problem.cuts.map((at) => hop(problem, at)));
  const equal = equalLayers(problem, stages);
  const search: CutSearch = {
    problem,
    stages,
    hop: (at) => hop(problem, at),
    starts: earliestStarts(problem),
  };
  const loosest = fewestBytes(search, whole);
  if (loosest === undefined) throw noRoom(problem, stages);
  // Memory may leave nothing as light as the equal split, which does not look at memory.
  const bytesMax = Math.max(bytesAcross(problem, equal), bytesAcross(problem, loosest));
  let [low, high, best] = [0, whole, loosest];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    const found = fewestBytes(search, middle);
    if (found !== undefined && bytesAcross(problem, found) <= bytesMax) [high, best] = [middle, found];
    else low = middle;
  }
  return planOf(problem, best);
}

/** The fewest stages that fit a device each. */
export function planToFit(problem: StageProblem): StagePlan {
  const most = Math.min(STAGES_MAX, problem.cuts.length + 1);
  const search = { problem, hop: () => 0, starts: earliestStarts(problem) };
  for (let stages = 1; stages <= most; stages++)
    if (fewestBytes({ ...search, stages }, Infinity) !== undefined) return planStages(problem, stages);
  throw noRoom(problem, most);
}

/** As many nodes in each stage as the possible cuts let it: what one would do without figures. */
export function equalLayers({ nodeMs, cuts }: StageProblem, stages: number): number[] {
  const chosen: number[] = [];
  for (let stage = 1; stage < stages; stage++) {
    const wanted = (nodeMs.length * stage) / stages;
    const last = cuts.length - (stages - stage);
    const open = cuts.slice(0, last + 1).filter((at) => at > (chosen.at(-1) ?? 0));
    chosen.push(open.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a), open[0] ?? 0));
  }
  return chosen;
}

/** What a plan with these cuts costs. */
export function planOf(problem: StageProblem, cuts: readonly number[]): StagePlan {
  const edges = [0, ...cuts, problem.nodeMs.length];
  const stages = edges.slice(1).map((to, i): PlannedStage => {
    const from = edges[i] ?? 0;
    const weights = new Set(problem.nodeWeights.slice(from, to).flat());
    return {
      from,
      to,
      ms: sum(problem.nodeMs.slice(from, to)) + hop(problem, from),
      memoryBytes: problem.workBytes + sum([...weights].map((name) => problem.weightBytes.get(name) ?? 0)),
      receivedBytes: from === 0 ? 0 : (problem.cutBytes[from] ?? 0),
    };
  });
  return {
    stages,
    slowestMs: Math.max(...stages.map(({ ms }) => ms)),
    cutBytes: bytesAcross(problem, cuts),
  };
}

function refuseCount({ cuts }: StageProblem, stages: number): void {
  if (!Number.isInteger(stages) || stages < 1 || stages > STAGES_MAX)
    throw failure('BAD_REQUEST', `A model is split into 1 to ${STAGES_MAX} stages, not ${stages}.`, {
      constraint: 'stages',
      stages,
    });
  if (stages > cuts.length + 1)
    throw failure(
      'BAD_REQUEST',
      `${stages} stages take ${stages - 1} cuts, and this model can be cut in ${cuts.length} places: ask for ${cuts.length + 1} stages at most.`,
      { constraint: 'stages', stages, cuts: cuts.length },
    );
}

function noRoom(problem: StageProblem, stages: number): Error {
  const { memoryBytes = Infinity, nodeMs, cuts, nodeWeights } = problem;
  const edges = [0, ...cuts, nodeMs.length];
  const heaviest = Math.max(
    ...edges.slice(1).map((to, i) => {
      const names = new Set(nodeWeights.slice(edges[i], to).flat());
      return problem.workBytes + sum([...names].map((name) => problem.weightBytes.get(name) ?? 0));
    }),
  );
  const why =
    heaviest > memoryBytes
      ? `the largest piece that cannot be cut takes ${heaviest} bytes`
      : `${stages} stages are too few`;
  return failure(
    'BAD_REQUEST',
    `No split into ${stages} stages fits a memory of ${memoryBytes} bytes: ${why}.`,
    { constraint: 'memory', memoryBytes, stages },
  );
}

const hop = ({ hopMs, msPerByte, cutBytes }: StageProblem, at: number): number =>
  at === 0 ? 0 : hopMs + (cutBytes[at] ?? 0) * msPerByte;
const bytesAcross = ({ cutBytes }: StageProblem, cuts: readonly number[]): number =>
  sum(cuts.map((at) => cutBytes[at] ?? 0));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
