// Two scores as one: what answers miss the features often see, and the other way round. Made of ranks, so that neither outweighs the other.
import type { Ranks } from '../../../contracts/detection.js';
import { shareOf } from './ranks.js';

/** By name, what each is made of. */
export const FUSED = {
  mspAndMds: ['msp', 'mds'],
  energyAndMds: ['energy', 'mds'],
  energyAndRmds: ['energy', 'rmds'],
  mspAndRmds: ['msp', 'rmds'],
  mspAndKnn: ['msp', 'knn'],
} as const;

/** The sum of the logarithms of both ranks' shares (Fisher, 1925), higher is more normal. Absent where a part is. */
export function fusedScores(
  ranks: ReadonlyMap<string, Ranks>,
  scores: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(FUSED).flatMap(([name, parts]) => {
      const found = parts.map((part) => {
        const own = ranks.get(part);
        const score = scores[part];
        return own === undefined || score === undefined ? undefined : Math.log(shareOf(own, score));
      });
      const [a, b] = found;
      return a === undefined || b === undefined ? [] : [[name, a + b]];
    }),
  );
}
