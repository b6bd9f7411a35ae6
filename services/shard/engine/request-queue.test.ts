import { expect, test } from 'vitest';
import { type Ready, RequestQueue, type Waiting } from './request-queue.js';

const waiting = (name: string, rows: number, key = 'k'): Waiting => ({
  to: { sender: '_INBOX.a', caller: '', requestId: name },
  headers: { jsonLength: undefined, requestId: name, reply: '', timeoutMs: 1_000, endpoint: '' },
  body: new Uint8Array(),
  readAtMs: 0,
  unreadMsMax: 0,
  timeoutMs: 1_000,
  decoded: { request: { parameters: {}, inputs: [], binaryOutput: false }, inputs: [], rows, key },
});
const all = (request: Waiting): request is Ready => request.decoded !== undefined;
const names = (batch: readonly Waiting[]) => batch.map(({ to }) => to.requestId).join('');
const queueOf = (...requests: Waiting[]): RequestQueue => {
  const queue = new RequestQueue();
  for (const request of requests) queue.push(request);
  return queue;
};

test('the oldest goes first and takes along what fits, in order', () => {
  const queue = queueOf(waiting('a', 1), waiting('b', 1), waiting('c', 2), waiting('d', 1));
  expect(names(queue.take(4, all))).toBe('abc');
  expect(names(queue.take(4, all))).toBe('d');
  expect(names(queue.take(4, all))).toBe('');
});

test('what does not fit keeps its place before those that came later', () => {
  const queue = queueOf(waiting('a', 1), waiting('B', 1, 'other'), waiting('c', 1), waiting('d', 1));
  expect(names(queue.take(3, all))).toBe('acd');
  expect(names(queue.take(3, all))).toBe('B');
});

test('a request of rows that do not agree runs alone, at the head and behind it', () => {
  const queue = queueOf(waiting('a', 1), waiting('X', 0), waiting('b', 1));
  expect(names(queue.take(8, all))).toBe('ab');
  queue.push(waiting('c', 1));
  expect(names(queue.take(8, all))).toBe('X');
  expect(names(queue.take(8, all))).toBe('c');
});

test('a request of more rows than pay is run all the same, by itself', () => {
  const queue = queueOf(waiting('a', 100), waiting('b', 1));
  expect(names(queue.take(4, all))).toBe('a');
  expect(names(queue.take(4, all))).toBe('b');
});

test('what is not ready any more leaves the queue without holding up the others', () => {
  const queue = queueOf(waiting('x', 1), waiting('a', 1), waiting('x', 1), waiting('b', 1));
  expect(names(queue.take(4, (r): r is Ready => r.to.requestId !== 'x'))).toBe('ab');
  expect(queue.length).toBe(0);
});
