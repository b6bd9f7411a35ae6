import { describe, expect, test } from 'vitest';
import { Analysis, JudgeInput, metricName } from './analysis.js';
import { EvidenceReport } from './evidence.js';
import { FeedbackRequest } from './feedback.js';

describe('the analysis of a release', () => {
  test('an empty one is complete: errors, slow calls and mean latency at a false alarm rate of 5 %', () => {
    const analysis = Analysis.parse({});
    expect(analysis.metrics.map(metricName)).toEqual(['errors', 'slow', 'latency']);
    expect(analysis).toMatchObject({ alpha: 0.05, gate: 'nonInferior', rollback: { requests: 20 } });
  });

  test('a field that cannot be honoured is refused, never ignored', () => {
    expect(Analysis.safeParse({ metrics: [{ kind: 'errors', threshold: 3 }] }).success).toBe(false);
    expect(Analysis.safeParse({ metrics: [{ kind: 'happiness' }] }).success).toBe(false);
    expect(Analysis.safeParse({ interval: '1m' }).success).toBe(false);
  });

  test('a metric named twice is refused', () => {
    const twice = Analysis.safeParse({ metrics: [{ kind: 'slow' }, { kind: 'slow', thresholdMs: 50 }] });
    expect(twice.error?.issues[0]?.message).toBe('each metric may be named once');
  });
});

test('what a judge is asked has no more arms than an endpoint, and at least one to judge', () => {
  const input = {
    analysis: {},
    baseline: 'stable',
    candidates: ['canary'],
    evidence: { endpoint: 'digits', epochs: [] },
    epoch: 0,
    nowMs: 2,
    startedMs: 1,
    stepMs: 1,
  };
  expect(JudgeInput.parse(input).memory).toEqual({ sampleRatioAlarm: false });
  expect(JudgeInput.safeParse({ ...input, candidates: [] }).success).toBe(false);
});

test('a report with a negative count or a made-up kind of failure is none', () => {
  const arm = { arm: 'canary', weight: 500, requests: 3, failures: {}, anonymous: 3, anonymousFailures: 0 };
  const report = { source: 's', region: 'east', seq: 1, endpoint: 'digits', epoch: 2, whole: true };
  const valid = (changed: object) =>
    EvidenceReport.safeParse({ ...report, arms: [{ ...arm, ...changed }] }).success;
  expect(valid({})).toBe(true);
  expect(valid({ requests: -1 })).toBe(false);
  expect(valid({ failures: { grumpy: 1 } })).toBe(false);
});

test('feedback takes right and wrong or a finite number of a metric with a plain name', () => {
  const said = { endpoint: 'digits', requestId: 'r', metric: 'rating', value: 4.5 };
  expect(FeedbackRequest.safeParse(said).success).toBe(true);
  expect(FeedbackRequest.safeParse({ ...said, value: true }).success).toBe(true);
  for (const bad of [{ value: Number.NaN }, { value: '5' }, { metric: 'a b' }, { colour: 'red' }])
    expect(FeedbackRequest.safeParse({ ...said, ...bad }).success).toBe(false);
});
