// What planning a split needs to know of a model: time of each node, its weights, and the bytes that cross between any two. split-model.ts
// asks. Times are measured where the model could be run, else counted from its multiplications.
import { costOf, valueBytes } from '../cost.js';
import { liveValues } from '../cut-points.js';
import { copyModel } from '../extract.js';
import type { Graph } from '../graph.js';
import { profile } from '../profile.js';
import type { Tensors } from '../session.js';
import { inferShapes, type InferOptions } from '../shape.js';
import { usedNames } from '../subgraphs.js';
import { type KeptValue, tears } from './kept-state.js';
import type { StageProblem } from './stage-problem.js';

/** One core of a small machine; only the proportions count where times are not measured. */
const MACS_PER_MS = 10_000_000;
const BYTES_PER_MS = 5_000_000;
const PROFILE_RUNS = 5;

export interface CostOptions extends InferOptions {
  readonly memoryBytes?: number;
  readonly hopMs?: number;
  readonly msPerByte?: number;
  /** Runs the model on these, and takes onnxruntime's times. */
  readonly feeds?: Tensors;
  /** Only places where at most so many values cross; 64 are what a pipeline's step may pass. */
  readonly crossingMax?: number;
  /** Stays where it is from step to step: it crosses nothing, and no cut tears it. */
  readonly state?: readonly KeptValue[];
}

export async function stageProblem(graph: Graph, options: CostOptions = {}): Promise<StageProblem> {
  const { order, live: alive } = liveValues(graph);
  const { state = [] } = options;
  const kept = new Set(state.flatMap(({ input, output }) => [input, output]));
  const live = alive.map((names) => names.filter((name) => !kept.has(name)));
  const torn = tears(order, state);
  const types = inferShapes(graph, options);
  const { nodes } = costOf(graph, options);
  const measured = options.feeds === undefined ? undefined : await measuredMs(graph, options.feeds);
  const bytesOf = (names: readonly string[]) => sum(names.map((name) => valueBytes(types.get(name))));
  const cutBytes = live.map(bytesOf);
  const weightNames = order.map((node) => [...usedNames(node)].filter((name) => graph.isConstant(name)));
  const { crossingMax = 64, memoryBytes } = options;
  const cuts = order.flatMap((_, at) => {
    const crossing = live[at] ?? [];
    const passable = crossing.length <= crossingMax && crossing.every((name) => types.has(name));
    return at > 0 && crossing.length > 0 && passable && !torn(at) ? [at] : [];
  });
  return {
    nodeMs: nodes.map(({ macs, parameterBytes, activationBytes }, i) =>
      measured === undefined
        ? macs / MACS_PER_MS + (parameterBytes + activationBytes) / BYTES_PER_MS
        : (measured.get(markOf(i)) ?? 0),
    ),
    nodeWeights: weightNames,
    weightBytes: new Map(weightNames.flat().map((name) => [name, valueBytes(types.get(name))])),
    cutBytes,
    cuts,
    workBytes: Math.max(0, ...alive.map(bytesOf)),
    hopMs: options.hopMs ?? 0,
    msPerByte: options.msPerByte ?? 0,
    ...(memoryBytes !== undefined && { memoryBytes }),
  };
}

const markOf = (i: number): string => `split${i}`;

/** The profile names nodes; those of the copy that runs are numbered, for names may be missing or double. */
async function measuredMs(graph: Graph, feeds: Tensors): Promise<ReadonlyMap<string, number>> {
  const copy = copyModel(graph);
  liveValues(copy).order.forEach((node, i) => (node.name = markOf(i)));
  const options = { optimisation: 'disabled', external: graph.external } as const;
  const times = await profile(copy.write(), feeds, PROFILE_RUNS, options);
  return new Map(times.map(({ name, medianMs }) => [name, medianMs]));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
