import { expect, test } from 'vitest';
import { waiting } from '../testing/waiting.js';
import { RequestQueue, type Waiting } from './request-queue.js';

const names = (batch: readonly Waiting[]) => batch.map(({ to }) => to.requestId).join('');
const queueOf = (...requests: Waiting[]): RequestQueue => {
  const queue = new RequestQueue();
  for (const request of requests) queue.push(request);
  return queue;
};
const all = (request: Waiting): request is Waiting => request.level > 0;

test('who came first goes first, a nearer deadline before that, a higher priority before both', () => {
  const queue = queueOf(
    waiting('a', 0),
    waiting('b', 1),
    waiting('c', 2, 0, 50),
    waiting('d', 3, 1),
    waiting('e', 4, 200),
  );
  expect(names(queue.look(9, all))).toBe('dcabe');
});

test('nobody starves: the lowest priority goes before the highest that came long enough after', () => {
  const low = waiting('l', 0, 999);
  const late = waiting('h', 100_000, 1);
  expect(names(queueOf(late, low).look(9, all))).toBe('lh');
});

test('a far deadline waits no longer than one of a second', () => {
  expect(names(queueOf(waiting('f', 0, 0, 600_000), waiting('n', 1_500, 0, 50)).look(9, all))).toBe('fn');
});

test('what is looked at stays in its place, what is not kept leaves', () => {
  const queue = queueOf(waiting('a', 0), waiting('x', 1), waiting('b', 2), waiting('c', 3));
  const kept = queue.look(2, (one): one is Waiting => one.to.requestId !== 'x');
  expect(names(kept)).toBe('ab');
  expect(queue.length).toBe(3);
  queue.drop(new Set(kept.slice(1)), 2);
  expect(names(queue.takeAll())).toBe('ac');
});

test('the youngest of the lowest level gives its place to a higher one, and to no equal', () => {
  const queue = queueOf(waiting('a', 0, 5), waiting('b', 1, 200), waiting('c', 2, 200), waiting('d', 3, 150));
  expect(queue.displace(200)).toBeUndefined();
  expect(queue.displace(100)?.to.requestId).toBe('c');
  expect(queue.displace(100)?.to.requestId).toBe('b');
  expect(queue.displace(100)?.to.requestId).toBe('d');
  expect(queue.displace(100)).toBeUndefined();
  expect(names(queue.takeAll())).toBe('a');
});

test('a request is forgotten by where its answers go, and only once', () => {
  const queue = queueOf(waiting('a', 0), waiting('b', 1));
  expect(queue.forget('_INBOX.a')?.to.requestId).toBe('a');
  expect(queue.forget('_INBOX.a')).toBeUndefined();
  expect(names(queue.takeAll())).toBe('b');
});
