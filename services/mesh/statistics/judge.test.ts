import { describe, expect, test } from 'vitest';
import { JudgeInput, Verdict } from '../../../contracts/analysis.js';
import { type Random, seededRandom } from '../random.js';
import { logNormal, SimulatedRelease } from '../testing/simulated-release.js';
import { judge } from './judge.js';

const HALF = { stable: 5_000, canary: 5_000 };
const MINUTE = 61_000;

function send(
  release: SimulatedRelease,
  random: Random,
  count: number,
  rates: Record<string, number>,
  slower = 1,
): void {
  for (let i = 0; i < count; i++) {
    const arm = release.draw(random);
    const ms = logNormal(random, arm === 'canary' ? 10 * slower : 10, 0.5);
    release.call({ arm, failed: random() < (rates[arm] ?? 0), ms });
  }
}

const check = ({ checks }: Verdict, role: string, name: string) =>
  checks.find((one) => one.role === role && one.name === name);

describe('a verdict', () => {
  test('without any evidence says nothing, whatever the gate asks', () => {
    for (const gate of ['nonInferior', 'minimums'] as const) {
      const input = JudgeInput.parse({
        analysis: { gate },
        baseline: 'stable',
        candidates: ['canary'],
        evidence: { endpoint: 'e', epochs: [] },
        epoch: 0,
        nowMs: MINUTE,
        startedMs: 0,
        stepMs: 0,
      });
      expect(judge(input).verdict).toBe('inconclusive');
    }
  });

  test('a canary that fails half of its calls is rolled back within a hundred calls', () => {
    const release = new SimulatedRelease(HALF);
    send(release, seededRandom(1), 100, { canary: 0.5 });
    const verdict = release.look();
    expect(verdict).toMatchObject({ verdict: 'fail', arms: { canary: 'fail' } });
    expect(check(verdict, 'guard', 'errors')?.lnE).toBeGreaterThan(
      check(verdict, 'guard', 'errors')?.threshold ?? 99,
    );
  });

  test('below 20 calls of the canary nobody is rolled back, however it looks', () => {
    const release = new SimulatedRelease(HALF);
    for (let i = 0; i < 19; i++) release.call({ arm: 'canary', failed: true, ms: 1 });
    const verdict = release.look();
    expect(verdict.verdict).toBe('inconclusive');
    expect(check(verdict, 'guard', 'errors')?.why).toContain('too few');
    release.call({ arm: 'canary', failed: true, ms: 1 });
    expect(release.look().verdict).toBe('fail');
  });

  test('four users who fail a thousand times are four failures', () => {
    const release = new SimulatedRelease(HALF);
    for (let i = 0; i < 4_000; i++) release.call({ arm: 'canary', user: `u${i % 4}`, failed: true, ms: 1 });
    expect(release.look().verdict).not.toBe('fail');
  });

  test('an equal canary passes once everything is shown, and not before a minute has passed', () => {
    const release = new SimulatedRelease(HALF);
    const equal = { stable: 0.02, canary: 0.02 };
    send(release, seededRandom(1), 600, equal);
    release.look(); // freezes the threshold of slow calls
    send(release, seededRandom(2), 12_000, equal);
    const early = release.look(1_000);
    expect(early.verdict).toBe('inconclusive');
    expect(check(early, 'gate', 'minimums')?.why).toContain('of 60 s');
    const late = release.look(MINUTE);
    expect(late.checks.filter(({ result }) => result !== 'pass')).toEqual([]);
    expect(late.verdict).toBe('pass');
  });

  test('a canary without failures passes by the absolute limit, without waiting for failures to compare', () => {
    const release = new SimulatedRelease(HALF, { metrics: [{ kind: 'errors' }] });
    send(release, seededRandom(4), 2_000, {});
    const verdict = release.look(MINUTE);
    expect(verdict.verdict).toBe('pass');
    expect(check(verdict, 'gate', 'errors')?.numbers['lnAbsolute']).toBeGreaterThan(Math.log(20));
  });

  test('what was seen in the last step does not open the gate of this one', () => {
    const release = new SimulatedRelease({ stable: 9_000, canary: 1_000 }, { metrics: [{ kind: 'errors' }] });
    send(release, seededRandom(5), 20_000, {});
    expect(release.look(MINUTE).verdict).toBe('pass');
    release.reweigh(HALF);
    send(release, seededRandom(6), 100, {});
    expect(release.look(MINUTE).verdict).toBe('inconclusive');
  });

  test('old evidence does not promote', () => {
    const release = new SimulatedRelease(HALF, { metrics: [{ kind: 'errors' }], staleAfterMs: 4_000 });
    send(release, seededRandom(7), 3_000, {});
    expect(release.look(MINUTE).verdict).toBe('pass');
    // Sources tell all of it every five seconds; here they have fallen silent.
    const stale = release.look(4_500);
    expect(check(stale, 'gate', 'fresh')?.result).toBe('inconclusive');
    expect(stale.verdict).toBe('inconclusive');
  });

  test('users who do not fall as the weights say freeze the release, and it stays so', () => {
    const release = new SimulatedRelease(HALF, { metrics: [{ kind: 'errors' }] });
    for (let i = 0; i < 6_000; i++)
      release.call({ arm: i % 5 < 3 ? 'canary' : 'stable', user: `u${i}`, failed: false, ms: 1 });
    expect(check(release.look(MINUTE), 'gate', 'sampleRatio')?.result).toBe('inconclusive');
    release.reweigh(HALF);
    send(release, seededRandom(8), 5_000, {});
    const later = release.look(MINUTE);
    expect(later.memory.sampleRatioAlarm).toBe(true);
    expect(later.verdict).toBe('inconclusive');
  });

  test('a slow canary is rolled back though it never fails', () => {
    const release = new SimulatedRelease(HALF);
    const random = seededRandom(9);
    let verdict = release.look();
    for (let look = 0; look < 20 && verdict.verdict !== 'fail'; look++) {
      send(release, random, 200, {}, 1.5);
      verdict = release.look();
    }
    expect(verdict.verdict).toBe('fail');
    expect(verdict.checks.filter(({ result }) => result === 'fail').map(({ name }) => name)).not.toContain(
      'errors',
    );
  });

  test('slower by less than what is said to be no harm rolls nobody back, slower by more does', () => {
    const judged = (moreMs: number, leastMs: number): Verdict => {
      const metrics = (['slow', 'latency'] as const).map((kind) => ({ kind, leastMs }));
      const release = new SimulatedRelease(HALF, { metrics });
      const random = seededRandom(7);
      // The threshold of `slow` is frozen at the first look.
      for (let look = 0; look < 5; look++) {
        for (let i = 0; i < 600; i++) {
          const arm = release.draw(random);
          release.call({
            arm,
            failed: false,
            ms: logNormal(random, 10, 0.5) + (arm === 'canary' ? moreMs : 0),
          });
        }
        if (release.look().verdict === 'fail') break;
      }
      return release.look();
    };
    expect(judged(4, 0).verdict).toBe('fail');
    for (const name of ['slow', 'latency']) expect(check(judged(4, 10), 'guard', name)?.result).toBe('pass');
    expect(judged(30, 10).verdict).toBe('fail');
  });

  test('the calls that froze the threshold are not judged by it', () => {
    const release = new SimulatedRelease(HALF, { metrics: [{ kind: 'slow' }] });
    send(release, seededRandom(10), 600, {});
    const frozen = release.look();
    expect(frozen.memory.slow?.thresholdMs).toBeGreaterThan(10);
    expect(check(frozen, 'guard', 'slow')?.result).toBe('inconclusive');
    send(release, seededRandom(11), 300, {});
    const later = release.look();
    expect(later.memory).toEqual(frozen.memory);
    const { total = 0, baselineTotal = 0 } = check(later, 'guard', 'slow')?.numbers ?? {};
    expect(total + baselineTotal).toBe(300);
  });

  test('a metric that nobody reports holds the gate', () => {
    const feedback = { kind: 'feedback', metric: 'rating', better: 'higher', margin: 0.2 } as const;
    const release = new SimulatedRelease(HALF, { metrics: [feedback], gate: 'minimums' });
    send(release, seededRandom(12), 3_000, {});
    expect(release.look(MINUTE).verdict).toBe('inconclusive');
  });

  test('ratings that fall are found, and ratings that hold open the gate', () => {
    for (const [shift, wanted] of [
      [-0.5, 'fail'],
      [0, 'pass'],
    ] as const) {
      const feedback = { kind: 'feedback', metric: 'rating', better: 'higher', margin: 0.2 } as const;
      const release = new SimulatedRelease(HALF, { metrics: [feedback] });
      const random = seededRandom(13);
      send(release, random, 3_000, {});
      for (let i = 0; i < 3_000; i++) {
        const arm = release.draw(random);
        const rating = 4 + Math.log(logNormal(random, 1, 0.8)) + (arm === 'canary' ? shift : 0);
        release.said(arm, 'rating', `request-${i}`, rating);
      }
      expect(release.look(MINUTE).verdict).toBe(wanted);
    }
  });

  test('a shadow that agrees opens the gate, one that answers otherwise or takes longer is stopped', () => {
    const shadowed = (disagreed: number, lnRatio: number) => {
      const release = new SimulatedRelease(
        { stable: 10_000, canary: 0 },
        { metrics: [{ kind: 'shadow', slowdownMax: 0.2 }] },
      );
      const random = seededRandom(17);
      for (let i = 0; i < 2_000; i++)
        release.shadowed('canary', {
          failed: false,
          disagreed: random() < disagreed,
          difference: random() / 1e4,
          lnRatio: lnRatio + random() - 0.5,
        });
      return release.look(MINUTE);
    };
    const shown = (verdict: Verdict, role: string) =>
      verdict.checks
        .filter((one) => one.role === role && one.name.startsWith('shadow'))
        .map(({ result }) => result);
    expect(shown(shadowed(0, 0), 'gate')).toEqual(['pass', 'pass']);
    expect(shown(shadowed(0.05, 0), 'guard')).toEqual(['fail', 'pass']);
    expect(shown(shadowed(0, 0.5), 'guard')).toEqual(['pass', 'fail']);
  });

  test('of two candidates the failing one alone goes', () => {
    const release = new SimulatedRelease({ stable: 4_000, canary: 3_000, other: 3_000 });
    send(release, seededRandom(14), 1_000, { canary: 0.4, stable: 0.02, other: 0.02 });
    const { arms } = release.look(1_000, ['canary', 'other']);
    expect(arms['canary']).toBe('fail');
    expect(arms['other']).not.toBe('fail');
  });

  test('at the horizon whoever cannot be judged goes', () => {
    const release = new SimulatedRelease(HALF, { horizonMs: 120_000 });
    send(release, seededRandom(15), 50, {});
    expect(release.look(MINUTE).verdict).toBe('inconclusive');
    const late = release.look(2 * MINUTE);
    expect(late.verdict).toBe('fail');
    expect(check(late, 'gate', 'horizon')?.why).toContain('120 s');
  });

  test('the same input gives the same verdict, and both survive the decision log as JSON', () => {
    const release = new SimulatedRelease(HALF);
    send(release, seededRandom(16), 500, { canary: 0.03, stable: 0.02 });
    release.look();
    const evidence = release.collector.evidence('simulated');
    const input = JudgeInput.parse({
      analysis: {},
      baseline: 'stable',
      candidates: ['canary'],
      evidence,
      epoch: 0,
      nowMs: release.nowMs,
      startedMs: 0,
      stepMs: 0,
    });
    const first = judge(input);
    const again = judge(JudgeInput.parse(JSON.parse(JSON.stringify(input))));
    expect(again).toEqual(first);
    expect(Verdict.parse(JSON.parse(JSON.stringify(first)))).toEqual(first);
  });
});
