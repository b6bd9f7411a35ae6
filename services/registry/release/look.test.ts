import { expect, test } from 'vitest';
import { JudgeInput } from '../../../contracts/analysis.js';
import type { ReleaseEvent, ReleaseRecord } from '../../../contracts/release.js';
import { advance, opened } from '../../mesh/release/advance.js';
import { judge } from '../../mesh/statistics/judge.js';
import { anEndpoint, aVersion, digestOf } from '../testing/records.js';
import { courseOf } from './course.js';
import { look } from './look.js';
import { readSpec } from './read-spec.js';

const atMs = 1_700_000_000_000;
const now = { atMs, epoch: 1, code: 'test' };

function inFirstStep(onInconclusive: 'hold' | 'abort'): ReleaseRecord {
  const spec = readSpec({
    endpoint: 'ocr',
    to: 'v2',
    strategy: { type: 'canary', steps: [{ weight: 500, minMs: 0, maxMs: 1_000 }], onInconclusive },
    analysis: {
      metrics: [{ kind: 'feedback', metric: 'rating', better: 'higher', margin: 0.1, newMetric: true }],
    },
    owner: 'ada',
  });
  const course = courseOf(spec, {
    endpoint: anEndpoint('ocr', { v1: 10_000 }),
    resolve: (word) => aVersion({ label: word === 'v2' ? 'v2' : 'v1' }),
    newest: [],
    regions: ['east'],
  });
  let record = opened({ id: 'ocr-1', model: 'ocr', spec, course, by: 'ada' }, now);
  for (const type of ['LOADED', 'WARMED', 'TESTED'] as const)
    record = advance(record, { event: { type } as ReleaseEvent, by: 'controller', why: type }, now);
  return record;
}

function judged(
  record: ReleaseRecord,
  feedback: Record<string, { count: number; sum: number; sum2: number }>,
) {
  const arm = {
    weight: 500,
    requests: 9,
    failures: {},
    anonymous: 9,
    anonymousFailures: 0,
    users: 0,
    failedUsers: 0,
    feedback,
  };
  const input = JudgeInput.parse({
    analysis: record.spec.analysis,
    baseline: 'baseline',
    candidates: ['canary'],
    evidence: {
      endpoint: 'ocr',
      epochs: [{ epoch: 1, arms: { baseline: arm, canary: arm }, firstMs: atMs, lastMs: atMs }],
    },
    epoch: 1,
    nowMs: atMs,
    startedMs: atMs,
    stepMs: atMs,
  });
  return { input, verdict: judge(input) };
}

test('a new metric that nobody reports in time ends like any release without a verdict, and the journal says who is asked', () => {
  for (const [onInconclusive, state] of [
    ['abort', 'aborting'],
    ['hold', 'paused'],
  ] as const) {
    const record = inFirstStep(onInconclusive);
    const seen = { standings: [], carriedOut: true, judged: judged(record, {}) };
    expect(look(record, { ...seen, nowMs: atMs + 999 })?.event.type).not.toBe('INCONCLUSIVE');
    const decided = look(record, { ...seen, nowMs: atMs + 1_000 });
    expect(decided?.event).toEqual({ type: 'INCONCLUSIVE' });
    expect(decided?.why).toMatch(/nobody reports rating \(POST \/v2\/feedback, massif\.feedback/);
    expect(decided && advance(record, decided, now).state).toBe(state);
  }
});

test('one that is reported too seldom is not called silent', () => {
  const record = inFirstStep('abort');
  const reported = judged(record, { rating: { count: 3, sum: 12, sum2: 48 } });
  const decided = look(record, { standings: [], carriedOut: true, judged: reported, nowMs: atMs + 1_000 });
  expect(decided?.why).toMatch(/^no verdict in time: (?!nobody)/);
  expect(digestOf('ocr v2')).toBe(record.plan.arms.find(({ arm }) => arm === 'canary')?.version);
});
