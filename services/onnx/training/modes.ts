// Turns a graph made for inference into one that behaves as in training: Dropout drops, batch norms use the batch and keep
// running statistics. training-graph.ts calls it on its own copy.
import { setAttribute } from '../attributes.js';
import type { Graph } from '../graph.js';
import { elementType } from '../data-type.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { bool, numberValues } from '../tensor.js';

/** Weights in Constant nodes become initialisers, as in files of other exporters. */
export function constantsToInitialisers(graph: Graph): void {
  for (const node of Array.from(graph.nodes)) {
    const [name = ''] = node.output;
    const value = node.opType === 'Constant' ? graph.constant(name) : undefined;
    if (value === undefined || elementType(value.dataType)?.wire === undefined) continue;
    graph.remove([node]);
    graph.setConstant(name, value);
  }
}

/** Every run draws another mask; the seed makes a session repeat itself. */
export function startDropout(graph: Graph, seed: number): void {
  for (const node of graph.nodes) {
    if (node.opType !== 'Dropout') continue;
    const ratio = node.input[1] ?? '';
    const [share] = ratio === '' ? [0.5] : numberValues(graph.constant(ratio) ?? bool([1], [true]));
    if (share === 0) continue;
    const training = graph.setConstant(graph.fresh('training'), bool([], [true]));
    graph.edit(node, () => {
      node.input = [node.input[0] ?? '', ratio, training];
      setAttribute(node, 'seed', BigInt(seed));
    });
  }
}

export interface RunningStatistic {
  /** The constant that holds it. */
  readonly name: string;
  /** The value after the step. */
  readonly next: string;
}

/** Batch norms of which scale or bias learn follow the batch; frozen ones keep what they know. */
export function followBatches(graph: Graph, learns: (name: string) => boolean): RunningStatistic[] {
  const statistics: RunningStatistic[] = [];
  for (const node of graph.nodes) {
    if (node.opType !== 'BatchNormalization' || ![1, 2].some((i) => learns(node.input[i] ?? ''))) continue;
    const names = [node.input[3] ?? '', node.input[4] ?? ''];
    if (!names.every((name) => graph.initializer(name) !== undefined)) continue;
    const next = names.map(() => graph.fresh('running'));
    graph.edit(node, () => follow(node, next));
    names.forEach((name, i) => statistics.push({ name, next: next[i] ?? '' }));
  }
  return statistics;
}

function follow(node: NodeProto, next: readonly string[]): void {
  setAttribute(node, 'training_mode', 1);
  node.output = [node.output[0] ?? '', ...next];
}
