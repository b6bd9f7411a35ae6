import { expect, test } from 'vitest';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { readSpec } from './read-spec.js';
import { Reported } from './reported.js';

const spec = (metric: object) =>
  readSpec({
    endpoint: 'ocr',
    to: 'v2',
    strategy: { type: 'canary', steps: [{ weight: 500 }] },
    analysis: {
      metrics: [{ kind: 'errors' }, { kind: 'feedback', better: 'higher', margin: 0.1, ...metric }],
    },
    owner: 'ada',
  });
const report = (endpoint: string, metric: string) =>
  JSON.stringify({
    source: 'a life',
    region: 'east',
    seq: 1,
    endpoint,
    epoch: 1,
    whole: true,
    arms: [
      {
        arm: 'stable',
        weight: 10_000,
        requests: 0,
        failures: {},
        anonymous: 0,
        anonymousFailures: 0,
        users: '',
        failedUsers: '',
        feedback: { [metric]: { count: 1, sum: 1, sum2: 1 } },
      },
    ],
  });

test('a metric that nobody reports is refused with what to do, once there was time to hear of it', async () => {
  const clock = new FakeClock();
  const reported = new Reported(clock);
  reported.take(report('other', 'rating'));
  let refused: unknown;
  const checked = reported.check(spec({ metric: 'rating' })).catch((error: unknown) => (refused = error));
  await clock.advance(5_000);
  expect(refused).toBeUndefined();
  await clock.advance(1_000);
  await checked;
  expect(refused).toMatchObject({ code: 'BAD_REQUEST' });
  expect(String(refused)).toMatch(/"rating" of "ocr".*POST \/v2\/feedback.*"newMetric": true/);
});

test('one that is reported, or that the spec calls new, is let through; one that fell silent is not', async () => {
  const clock = new FakeClock();
  const reported = new Reported(clock);
  reported.take(report('ocr', 'rating'));
  await reported.check(spec({ metric: 'rating' }));
  await reported.check(spec({ metric: 'speed', newMetric: true }));
  await clock.advance(3_600_000);
  await expect(reported.check(spec({ metric: 'rating' }))).rejects.toThrow('Nobody reports');
  reported.take('{"feedback":{"broken');
});
