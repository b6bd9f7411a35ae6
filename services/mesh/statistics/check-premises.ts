// What must hold before numbers may speak for a release: enough of them, fresh ones, and users split as the weights say.
import type { Check, CheckResult, JudgeInput } from '../../../contracts/analysis.js';
import { lnSampleRatio, SAMPLE_RATIO_ALARM } from './sample-ratio.js';
import { units } from './strata.js';

export function checkMinimums({ analysis, evidence, epoch, nowMs, stepMs }: JudgeInput, arm: string): Check {
  const { promotion } = analysis;
  const counted = evidence.epochs.find((one) => one.epoch === epoch)?.arms[arm];
  const requests = counted?.requests ?? 0;
  const users = counted ? units(counted) : 0;
  const seconds = (nowMs - stepMs) / 1_000;
  const missing = [
    requests < promotion.requests && `${requests} of ${promotion.requests} requests`,
    users < promotion.users && `${users} of ${promotion.users} users`,
    seconds < promotion.seconds && `${Math.floor(seconds)} of ${promotion.seconds} s`,
  ].filter((text) => text !== false);
  return {
    role: 'gate',
    arm,
    name: 'minimums',
    result: missing.length === 0 ? 'pass' : 'inconclusive',
    why: missing.length === 0 ? 'enough was seen in this step' : `this step has seen ${missing.join(', ')}`,
    numbers: { requests, users, seconds, epoch },
  };
}

export function checkFresh({ analysis, baseline, evidence, nowMs }: JudgeInput): Check {
  const lastMs = Math.max(0, ...evidence.epochs.map((epoch) => epoch.lastMs));
  const ageMs = nowMs - lastMs;
  const fresh = evidence.epochs.length > 0 && ageMs <= analysis.staleAfterMs;
  const why =
    evidence.epochs.length === 0
      ? 'nobody has told anything yet'
      : `the last report is ${Math.round(ageMs)} ms old`;
  return {
    role: 'gate',
    arm: baseline,
    name: 'fresh',
    result: fresh ? 'pass' : 'inconclusive',
    why,
    numbers: { lastMs, nowMs },
  };
}

/** Once it has sounded it stays: a split that was wrong does not become right by more of it. */
export function checkSampleRatio({ baseline, evidence, memory }: JudgeInput): Check {
  const lns = evidence.epochs.map(({ arms }) =>
    lnSampleRatio(Object.values(arms).map((arm) => ({ weight: arm.weight, count: units(arm) }))),
  );
  const lnE = Math.max(0, ...lns);
  // Each epoch is a test of its own.
  const threshold = Math.log(SAMPLE_RATIO_ALARM * Math.max(1, lns.length));
  const alarm = memory.sampleRatioAlarm || lnE >= threshold;
  return {
    role: 'gate',
    arm: baseline,
    name: 'sampleRatio',
    result: alarm ? 'inconclusive' : 'pass',
    why: alarm
      ? 'the arms do not get the users that their weights promise'
      : 'the arms get their shares of users',
    lnE,
    threshold,
    numbers: { epochs: lns.length },
  };
}

/** Who cannot be judged in time is not kept for ever half released. */
export function checkHorizon(
  { analysis, nowMs, startedMs }: JudgeInput,
  arm: string,
  so: CheckResult,
): Check[] {
  const ms = nowMs - startedMs;
  if (so !== 'inconclusive' || ms < analysis.horizonMs) return [];
  const why = `no verdict within ${Math.round(analysis.horizonMs / 1_000)} s`;
  return [{ role: 'gate', arm, name: 'horizon', result: 'fail', why, numbers: { ms } }];
}
