import { expect, test } from 'vitest';
import { Mailbox } from './mailbox.js';

test('what was put first is taken first, also after many', () => {
  const box = new Mailbox<number>('box', { messagesMax: 10_000, bytesMax: 1 });
  const taken: (number | undefined)[] = [];
  for (let i = 0; i < 3_000; i++) {
    box.put(i);
    if (i % 3 === 2) taken.push(box.take(), box.take());
  }
  while (box.depth > 0) taken.push(box.take());
  expect(taken).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
  expect(box.take()).toBeUndefined();
});

test('the message beyond the limit is refused with a failure that may be retried', () => {
  const box = new Mailbox<string>('job 7', { messagesMax: 2, bytesMax: 100 });
  box.put('a');
  box.put('b');
  expect(() => box.put('c')).toThrow(expect.objectContaining({ code: 'MAILBOX_FULL', retryable: true }));
  expect(() => box.put('c')).toThrow('job 7 has 2 messages waiting');
  box.take();
  box.put('c');
});

test('bytes count too, and one message above the limit gets through when nothing waits', () => {
  const box = new Mailbox<string>('box', { messagesMax: 10, bytesMax: 100 });
  box.put('large', 500);
  expect(() => box.put('small', 1)).toThrow('500 bytes');
  expect(box.take()).toBe('large');
  box.put('small', 60);
  expect(() => box.put('other', 60)).toThrow('60 bytes');
  expect(box.bytes).toBe(60);
});
