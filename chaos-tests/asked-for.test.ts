import { expect, test } from 'vitest';
import { askedFor } from './asked-for.js';

const bench = (...args: string[]) =>
  askedFor(args, { command: 'bench', what: 'benchmark', names: ['path', 'scale'], seed: 1, inParts: true });
const drill = (...args: string[]) =>
  askedFor(args, { command: 'chaos', what: 'drill', names: ['releases'], seed: 7, inParts: false });

test('the form is full where none is said, and the seed is the usual one', () => {
  expect(bench('path')).toEqual({ name: 'path', form: 'full', seed: 1, json: false, only: undefined });
  expect(bench('scale', '--quick', '--seed', '3', '--json', '--only', 'week')).toEqual({
    name: 'scale',
    form: 'quick',
    seed: 3,
    json: true,
    only: 'week',
  });
  expect(drill('releases', '--ci')).toMatchObject({ form: 'ci', seed: 7 });
});

test('what cannot be done is answered with a sentence and with what can be asked', () => {
  for (const [asked, reason] of [
    [bench(), 'Say which benchmark'],
    [bench('nothing'), 'Say which benchmark'],
    [bench('path', 'scale'), 'Say which benchmark'],
    [bench('path', '--full'), "Unknown option '--full'"],
    [bench('path', '--ci', '--quick'), 'One form at a time'],
    [bench('path', '--seed', 'one'), '--seed wants a whole number, not "one"'],
    [drill('releases', '--only', 'a'), "Unknown option '--only'"],
  ] as const) {
    expect(asked).toContain(reason);
    expect(asked).toContain('where NAME is one of');
  }
});
