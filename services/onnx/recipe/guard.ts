// Whether a smaller version may take its parent's place: never slower, never worse than the budget. Pure; compression refuses
// a candidate with the sentences that this gives.
import type { CompressionRecipe } from '../../../contracts/compression-recipe.js';

export interface Judged {
  readonly bytes: number;
  readonly p50Ms: number;
  /** Higher is better. */
  readonly figure: number;
}

/** Why not, each with its figures; empty where the candidate keeps the budget. */
export function objections(parent: Judged, candidate: Judged, budget: CompressionRecipe['budget']): string[] {
  const size = candidate.bytes / parent.bytes;
  const latency = candidate.p50Ms / parent.p50Ms;
  const drop = parent.figure - candidate.figure;
  return [
    ...(size > budget.size
      ? [
          `It takes ${candidate.bytes} bytes, ${times(size)} those of its parent; ${budget.size} were allowed.`,
        ]
      : []),
    ...(latency > budget.latency
      ? [
          `Its median is ${candidate.p50Ms.toFixed(3)} ms, ${times(latency)} that of its parent; ${budget.latency} were allowed.`,
        ]
      : []),
    ...(drop > budget.drop
      ? [
          `It reaches ${candidate.figure.toFixed(4)} where its parent reaches ${parent.figure.toFixed(4)}; ${budget.drop} may be lost.`,
        ]
      : []),
  ];
}

const times = (share: number): string => `${share.toFixed(3)} times`;
