// The histories that `bench release-stats` draws: how calls fall on the arms, how often they fail, how long they take.
import type { AnalysisInput } from '../../contracts/analysis.js';
import { bucketOf } from '../../services/mesh/bucket.js';
import type { Random } from '../../services/mesh/random.js';
import {
  logNormal,
  type SimulatedCall,
  type SimulatedRelease,
} from '../../services/mesh/testing/simulated-release.js';

export interface Scenario {
  readonly name: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly analysis: AnalysisInput;
  readonly call: (release: SimulatedRelease, random: Random, history: number) => SimulatedCall;
}

const HALF = { stable: 5_000, canary: 5_000 };
const TWENTIETH = { stable: 9_500, canary: 500 };
const ERRORS: AnalysisInput = { metrics: [{ kind: 'errors' }] };
const MEDIAN_MS = 10;
const SIGMA = 0.5;

/** Failure rates of the arms; the canary slower by this factor. */
const drawn =
  (stable: number, canary: number, slower = 1): Scenario['call'] =>
  (release, random) => {
    const arm = release.draw(random);
    const isCanary = arm === 'canary';
    return {
      arm,
      failed: random() < (isCanary ? canary : stable),
      ms: logNormal(random, isCanary ? MEDIAN_MS * slower : MEDIAN_MS, SIGMA),
    };
  };

/** Two in a hundred users make half of the calls and three quarters of the failures; each stays on one arm. */
const USERS = 2_000;
const HEAVY = 40;
const heavyUsers: Scenario['call'] = (_, random, history) => {
  const heavy = random() < 0.5;
  const id = heavy ? Math.floor(random() * HEAVY) : HEAVY + Math.floor(random() * (USERS - HEAVY));
  const user = `user-${id}`;
  return {
    arm: bucketOf(`history-${history}`, user) < HALF.stable ? 'stable' : 'canary',
    user,
    failed: random() < (heavy ? 0.06 : 0.02),
    ms: logNormal(random, heavy ? 2 * MEDIAN_MS : MEDIAN_MS, SIGMA),
  };
};

/** Nothing is wrong with the canary. */
export const QUIET: readonly Scenario[] = [
  { name: 'A/A 50/50, errors', weights: HALF, analysis: ERRORS, call: drawn(0.02, 0.02) },
  {
    name: 'A/A 50/50, errors, slow calls, mean latency',
    weights: HALF,
    analysis: {},
    call: drawn(0.02, 0.02),
  },
  { name: 'A/A 95/5, the same three', weights: TWENTIETH, analysis: {}, call: drawn(0.02, 0.02) },
  {
    name: 'A/A 50/50, p95 of latency',
    weights: HALF,
    analysis: { metrics: [{ kind: 'quantile' }] },
    call: drawn(0.02, 0.02),
  },
  { name: 'A/A 50/50, the three, heavy users', weights: HALF, analysis: {}, call: heavyUsers },
];

export const HARM = {
  tenth: { name: 'errors 2 -> 10 %, 50/50', weights: HALF, analysis: ERRORS, call: drawn(0.02, 0.1) },
  tenthOfThree: {
    name: 'errors 2 -> 10 %, 50/50, three metrics',
    weights: HALF,
    analysis: {},
    call: drawn(0.02, 0.1),
  },
  half: { name: 'errors 2 -> 50 %, 50/50', weights: HALF, analysis: ERRORS, call: drawn(0.02, 0.5) },
  halfOfThree: {
    name: 'errors 2 -> 50 %, 50/50, three metrics',
    weights: HALF,
    analysis: {},
    call: drawn(0.02, 0.5),
  },
  twentieth: { name: 'errors 2 -> 10 %, 95/5', weights: TWENTIETH, analysis: ERRORS, call: drawn(0.02, 0.1) },
  twentiethOfThree: {
    name: 'errors 2 -> 10 %, 95/5, three metrics',
    weights: TWENTIETH,
    analysis: {},
    call: drawn(0.02, 0.1),
  },
  slower: {
    name: 'all calls 20 % slower, 50/50, three metrics',
    weights: HALF,
    analysis: {},
    call: drawn(0.02, 0.02, 1.2),
  },
  quantile: {
    name: 'all calls 50 % slower, 50/50, p95 of latency',
    weights: HALF,
    analysis: { metrics: [{ kind: 'quantile' }] },
    call: drawn(0.02, 0.02, 1.5),
  },
} as const satisfies Record<string, Scenario>;
