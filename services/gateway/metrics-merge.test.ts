import { expect, test } from 'vitest';
import { mergeMetrics } from './metrics-merge.js';

const page = (instance: string) =>
  `# HELP up says so\n# TYPE up gauge\nup{instance="${instance}"} 1\n\n# HELP t time\n# TYPE t histogram\nt_bucket{le="1",instance="${instance}"} 2\nt_sum{instance="${instance}"} 3\n`;

test('a family of two processes stands once, with the samples of both', () => {
  expect(mergeMetrics([page('a'), page('b')])).toBe(
    [
      '# HELP up says so',
      '# TYPE up gauge',
      'up{instance="a"} 1',
      'up{instance="b"} 1',
      '',
      '# HELP t time',
      '# TYPE t histogram',
      't_bucket{le="1",instance="a"} 2',
      't_sum{instance="a"} 3',
      't_bucket{le="1",instance="b"} 2',
      't_sum{instance="b"} 3',
      '',
    ].join('\n'),
  );
});

test('nothing to join is an empty page', () => {
  expect(mergeMetrics([])).toBe('');
  expect(mergeMetrics(['', '\n'])).toBe('');
});
