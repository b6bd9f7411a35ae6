import { expect, test } from 'vitest';
import type { FeedbackRequest } from '../../../contracts/feedback.js';
import type { RoutedEndpoint } from '../routing/arm-choice.js';
import { EvidenceBook } from './book.js';
import { FeedbackDesk } from './feedback-desk.js';

const split: RoutedEndpoint = {
  name: 'digits',
  model: 'digits',
  variants: [
    { version: 'a'.repeat(64), label: '1.0', arm: 'stable', weight: 4_000 },
    { version: 'a'.repeat(64), label: '1.0', arm: 'baseline', weight: 3_000 },
    { version: 'b'.repeat(64), label: '1.1', arm: 'canary', weight: 3_000 },
  ],
  epoch: 2,
  salt: 's',
  assignment: 'user',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00.000Z',
};

function desk(record: RoutedEndpoint | undefined = split) {
  const known = (name: string) => (name === 'digits' ? record : undefined);
  const book = new EvidenceBook('life', known);
  const at = new FeedbackDesk(book, known);
  const say = (more: Partial<FeedbackRequest>) =>
    at.take({ endpoint: 'digits', requestId: 'r', metric: 'rating', value: 4, ...more });
  return { book, say };
}

test('feedback becomes evidence of the arm that its header names, once for each request', () => {
  const { book, say } = desk();
  expect(say({ arm: '2.canary' })).toEqual({ counted: true, arm: 'canary', epoch: 2 });
  expect(say({ arm: '2.canary' }).counted).toBe(false);
  expect(say({ arm: '2.canary', requestId: 's', value: true }).counted).toBe(true);
  const canary = book.reports('east', 1)[0]?.arms.find(({ arm }) => arm === 'canary');
  expect(canary?.feedback).toEqual({ rating: { count: 2, sum: 5, sum2: 17 } });
});

test('without the header the user decides, or a version that one arm alone has', () => {
  const { say } = desk();
  expect(['stable', 'baseline', 'canary']).toContain(say({ user: 'ada' }).arm);
  expect(say({ version: '1.1' }).arm).toBe('canary');
  expect(() => say({ version: '1.0' })).toThrow('Massif-Arm');
  expect(() => say({ version: '9' })).toThrow('does not serve 9');
  expect(() => say({})).toThrow('Massif-Arm');
});

test('an unknown endpoint, an invented arm, a past epoch and one under an order of safety are refused in words', () => {
  const { say } = desk();
  expect(() => say({ endpoint: 'nothing' })).toThrow('no endpoint nothing');
  expect(() => say({ arm: '2.nobody' })).toThrow('Massif-Arm');
  expect(() => say({ arm: 'canary' })).toThrow('<epoch>.<arm>');
  expect(() => say({ arm: '1.canary' })).toThrow('is over');
  const withheld = { ...split, withheld: ['canary'] } as unknown as RoutedEndpoint;
  expect(() => desk(withheld).say({ user: 'ada' })).toThrow('order of safety');
});

test('of an endpoint with one arm words are counted, so that one knows what is reported; calls are not', () => {
  const single: RoutedEndpoint = {
    ...split,
    variants: [{ version: 'a'.repeat(64), label: '1.0', weight: 10_000 }],
  };
  const { book, say } = desk(single);
  expect(book.follows('digits')).toBe(false);
  expect(say({})).toEqual({ counted: true, arm: '1.0', epoch: 2 });
  expect(book.reports('east', 1)[0]?.arms).toMatchObject([
    { arm: '1.0', requests: 0, feedback: { rating: { count: 1 } } },
  ]);
});
