// What the answers to challenge probes say of a version's replicas, all together: pure. The desk asks after each answer.
import type { ProbeOpinion } from './probes.js';

export interface ProbeFinding {
  /** `some`: these replicas answer as another model would, and others as registered. `all`: none answers as registered. */
  readonly verdict: 'registered' | 'some' | 'all';
  /** Those that answer as another model. */
  readonly replicas: readonly string[];
  /** Those whose answers were all right. */
  readonly good: number;
}

export function decideProbes(opinions: ReadonlyMap<string, ProbeOpinion>): ProbeFinding {
  const of = (wanted: ProbeOpinion) =>
    [...opinions].filter(([, opinion]) => opinion === wanted).map(([replica]) => replica);
  const [replicas, good] = [of('other').toSorted(), of('registered').length];
  if (replicas.length === 0) return { verdict: 'registered', replicas, good };
  return { verdict: good > 0 ? 'some' : 'all', replicas, good };
}
