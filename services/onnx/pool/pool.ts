// Pooling as a way to make a network cheaper: where on its feature maps and how they are made smaller is chosen by what the loss rises for what is
// saved. Each candidate learns for a few steps first: what tuning repairs at once is no loss. Recipes ask.
import { costOf } from '../cost.js';
import { copyModel } from '../extract.js';
import { Graph } from '../graph.js';
import { toFailure } from '../../../contracts/errors.js';
import { refusal } from '../refusal.js';
import type { Samples } from '../quantize/calibrate.js';
import { removeDeadNodes } from '../dead-nodes.js';
import { inferShapes } from '../shape.js';
import { constantsToInitialisers } from '../training/modes.js';
import { trainingGraph } from '../training/training-graph.js';
import { openTraining } from '../training/training-session.js';
import type { Batches } from '../training/tune.js';
import { interests } from './interest.js';
import { mapsOf, place, placements, type Placement, type PoolKind } from './places.js';
import { WHOLE, type Box } from './view.js';

export interface PoolOptions {
  /** Share of multiplications to keep at most, above 0 and below 1. */
  readonly keep: number;
  readonly kinds: readonly PoolKind[];
  readonly batches: Batches;
  readonly samples: () => Samples;
  /** Each candidate learns for so many steps before it is judged. */
  readonly trialSteps: number;
  readonly rate: number;
  readonly threads?: number;
}

export interface Pooled {
  readonly model: Uint8Array;
  readonly report: {
    /** Of the multiplications. */
    readonly keptShare: number;
    readonly pools: readonly {
      readonly value: string;
      readonly kind: PoolKind;
      readonly from: string;
      readonly to: string;
    }[];
    /** All that was tried, round by round. */
    readonly trials: readonly { readonly what: string; readonly share: number; readonly loss: number }[];
  };
}

interface Candidate {
  readonly placement: Placement;
  readonly graph: Graph;
  readonly share: number;
}

const WORTH_TRYING = 0.9; // of the multiplications; what leaves more is no gain that one could measure
const CANDIDATES_MAX = 12; // a round
const ROUNDS_MAX = 4;

/** Throws MODEL_REFUSED where no map can be made smaller, and where all of it is not enough. */
export async function pooled(model: Uint8Array, options: PoolOptions): Promise<Pooled> {
  const { keep, batches } = options;
  let graph = Graph.read(model);
  constantsToInitialisers(graph);
  const whole = costOf(graph, { bind: batches.bind }).macs;
  const pools: Pooled['report']['pools'][number][] = [];
  const trials: Pooled['report']['trials'][number][] = [];
  let share = 1;
  for (let round = 0; share > keep && round < ROUNDS_MAX; round++) {
    const candidates = await candidatesOf(graph, share, whole, options);
    const base = await lossAfter(graph, options);
    const judged: (Candidate & { readonly loss: number })[] = [];
    for (const candidate of candidates) {
      const loss = await lossAfter(candidate.graph, options);
      judged.push({ ...candidate, loss });
      trials.push({ what: nameOf(candidate.placement), share: candidate.share, loss });
    }
    const chosen = leastLoss(judged, base, share, keep);
    if (chosen === undefined) break;
    const { value, kind, height, width } = chosen.placement;
    const before = inferShapes(graph).get(value)?.shape?.slice(2).join(' x ') ?? '';
    pools.push({ value, kind, from: before, to: `${height} x ${width}` });
    ({ graph, share } = chosen);
  }
  if (share > keep)
    throw refusal(
      `Smaller maps leave ${share.toFixed(3)} of the multiplications at best; ${keep} were wanted. Ask for more, or thin it.`,
      { share, keep },
    );
  removeDeadNodes(graph);
  return { model: graph.write(), report: { keptShare: share, pools, trials } };
}

const nameOf = ({ value, kind, height, width }: Placement): string =>
  `${kind} to ${height} x ${width} at ${value}`;

/** Of those that are cheap enough the one with the least loss; before that the one whose loss rises least for what it saves. Pure. */
export function leastLoss<T extends { readonly share: number; readonly loss: number }>(
  judged: readonly T[],
  base: number,
  share: number,
  keep: number,
): T | undefined {
  const enough = judged.filter((one) => one.share <= keep);
  if (enough.length > 0) return enough.toSorted((a, b) => a.loss - b.loss)[0];
  const rise = (one: T): number => Math.max(one.loss - base, LEAST_RISE) / (share - one.share);
  return judged.toSorted((a, b) => rise(a) - rise(b))[0];
}

const LEAST_RISE = 1e-3; // below it losses of a few batches do not differ, and what saves more is better

async function candidatesOf(
  graph: Graph,
  share: number,
  whole: number,
  { kinds, samples, batches }: PoolOptions,
): Promise<Candidate[]> {
  const types = inferShapes(graph);
  const maps = mapsOf(graph, types);
  if (maps.length === 0)
    throw refusal(
      'No value of this network is a map of known height and width, so there is nothing to pool.',
    );
  const boxes = kinds.includes('region') ? await interests(graph, maps, samples()) : new Map<string, Box>();
  const refusals: string[] = [];
  const found = maps.flatMap((value) => {
    const [, , height = 0, width = 0] = types.get(value)?.shape?.map(Number) ?? [];
    const box = boxes.get(value) ?? WHOLE;
    return placements(value, { height, width }, box, kinds).flatMap((placement): Candidate[] => {
      const copy = copyModel(graph);
      try {
        place(copy, types, placement);
        const left = costOf(copy, { bind: batches.bind }).macs / whole;
        return [{ placement, graph: copy, share: left }];
      } catch (error) {
        refusals.push(toFailure(error).message);
        return [];
      }
    });
  });
  if (found.length === 0)
    throw refusal(`No map of this network can be made smaller. ${refusals[0] ?? ''}`, { refusals });
  return found
    .filter((one) => one.share < WORTH_TRYING * share)
    .toSorted((a, b) => a.share - b.share)
    .slice(0, CANDIDATES_MAX);
}

/** Mean over the second half of a few steps of training. */
async function lossAfter(graph: Graph, options: PoolOptions): Promise<number> {
  const { batches, trialSteps, rate, threads = 1 } = options;
  const training = trainingGraph(graph, {
    loss: batches.loss,
    optimiser: { kind: 'adam' },
    bind: batches.bind,
    seed: 1,
  });
  await using session = await openTraining(training, { threads });
  let [sum, count] = [0, 0];
  for (let step = 0; step < trialSteps; step++) {
    const loss = await session.step(await batches.batch(step % batches.count), rate);
    if (step < trialSteps / 2) continue;
    sum += loss;
    count++;
  }
  return sum / Math.max(1, count);
}
