// Every strategy as a drill plays it: once to its end, once aborted on the way. Each leaves what the next begins with.
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { Releases } from '../client/mod.js';
import type { ReleaseSpec } from '../contracts/release.js';

export interface Scenario {
  readonly name: string;
  readonly spec: z.input<typeof ReleaseSpec>;
  /** What people do meanwhile. */
  readonly orders?: (releases: Releases, id: string) => Promise<void>;
  readonly ends: 'done' | 'rolled_back' | 'failed';
  /** Label of what serves afterwards. */
  readonly serves: string;
}

export interface ScenarioOptions {
  readonly endpoint: string;
  readonly holdMs: number;
  readonly form: 'ci' | 'quick' | 'full';
}

const by = 'drill';
const WITHIN_MS = 60_000;
const VERDICT_MS_MAX = 45_000;
/** A version that gives the same kind of answers, more slowly. */
export const SLOW = 'slow';

/** Small numbers, so that a drill sees verdicts: a guard as in production, a gate that opens once something was seen. */
const withAnalysis = (scenario: Scenario): Scenario => ({
  ...scenario,
  spec: {
    ...scenario.spec,
    analysis: {
      metrics: [{ kind: 'errors' }, { kind: 'latency' }],
      gate: 'minimums',
      rollback: { requests: 20, failingUsers: 1 },
      promotion: { seconds: 5, requests: 400, users: 0 },
    },
  },
});

export function scenarios({ endpoint, holdMs, form }: ScenarioOptions): Play[] {
  const release = (
    name: string,
    from: string,
    to: string | undefined,
    strategy: Scenario['spec']['strategy'],
    ends: Scenario['ends'],
    orders?: Scenario['orders'],
  ): Scenario => ({
    name,
    spec: {
      endpoint,
      from,
      ...(to !== undefined && { to }),
      strategy,
      owner: by,
      reason: name,
      deadlines: { drainingMs: Math.min(1_000, holdMs) },
    },
    ends,
    serves: ends === 'done' && strategy.type !== 'shadow' ? (to ?? 'winner') : from,
    ...(orders && { orders }),
  });
  const abortIn =
    (state: string, step = 0) =>
    async (releases: Releases, id: string): Promise<void> => {
      await reached(releases, id, state, step);
      await sleep(holdMs);
      await releases.abort({ id, by, why: 'the drill says so' });
    };
  const promoteThrough =
    (steps: number, arm?: string) =>
    async (releases: Releases, id: string): Promise<void> => {
      for (let step = 0; step < steps; step++) {
        await reached(releases, id, 'step', step);
        await sleep(holdMs);
        await releases.promote({ id, by, step, ...(arm !== undefined && { arm }) });
      }
    };
  const canary = {
    type: 'canary' as const,
    steps: [500, 2_500, 5_000].map((weight) => ({ weight, minMs: 0, maxMs: 600_000 })),
    keepOldMs: 0,
  };
  const judged = { ...canary, steps: [{ weight: 5_000, minMs: 0, maxMs: VERDICT_MS_MAX }] };
  const ab = (a: string, b: string) => ({
    type: 'ab' as const,
    arms: [
      { name: 'a', version: a, weight: 5_000 },
      { name: 'b', version: b, weight: 5_000 },
    ],
    control: 'a',
    horizonMs: 600_000,
    keepOldMs: 0,
  });
  const rolling = { type: 'rolling' as const, minMs: holdMs, maxMs: 600_000 };
  const blueGreen = { type: 'blueGreen' as const, previewMs: holdMs, keepOldMs: holdMs };
  const shadow = { type: 'shadow' as const, share: 2_000, minMs: 0, maxMs: 600_000 };
  const immediate = { type: 'immediate' as const };
  const every: Play[] = [
    (a, b) => release('rolling', a, b, rolling, 'done'),
    (a, b) => release('rolling, aborted at half', a, b, rolling, 'rolled_back', abortIn('step', 0)),
    (a, b) => release('blue-green', a, b, blueGreen, 'done'),
    (a, b) =>
      release(
        'blue-green, back after the switch',
        a,
        b,
        { ...blueGreen, keepOldMs: 600_000 },
        'rolled_back',
        abortIn('draining'),
      ),
    (a, b) => release('canary', a, b, canary, 'done', promoteThrough(3)),
    (a, b) => release('canary, aborted', a, b, canary, 'rolled_back', abortIn('step', 0)),
    (a, b) => withAnalysis(release('canary, promoted by its verdicts', a, b, judged, 'done')),
    (a) =>
      withAnalysis(release('canary, slower and rolled back by its verdict', a, SLOW, judged, 'rolled_back')),
    (a, b) => ({
      ...release('experiment', a, undefined, ab(a, b), 'done', promoteThrough(1, 'b')),
      serves: b,
    }),
    (a, b) => release('experiment, aborted', a, undefined, ab(a, b), 'rolled_back', abortIn('step', 0)),
    (a, b) => release('shadow, aborted', a, b, shadow, 'rolled_back', abortIn('shadow')),
    (a, b) => release('immediate', a, b, immediate, 'done'),
    (a, b) =>
      release('immediate, aborted while it loads', a, b, immediate, 'rolled_back', async (releases, id) => {
        await releases.abort({ id, by });
      }),
  ];
  return form === 'ci' ? every.filter((_, index) => CI.has(index)) : every;
}

/** Two labels: what serves now, and another. */
export type Play = (serving: string, other: string) => Scenario;

// One that ends well and one that is aborted of the longest kinds; the other forms play all.
const CI = new Set([0, 3, 7, 8]);

async function reached(releases: Releases, id: string, state: string, step: number): Promise<void> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  for (;;) {
    const record = await releases.show(id);
    if (record.state === state && record.step >= step) return;
    if (signal.aborted) throw new Error(`${id} did not come to ${state} ${step}, it is ${record.state}`);
    await sleep(50);
  }
}
