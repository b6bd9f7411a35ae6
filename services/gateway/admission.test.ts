import { expect, test } from 'vitest';
import { Admission } from './admission.js';

const full = expect.objectContaining({ code: 'MAILBOX_FULL' });

test('one request more than the limit is refused, and taken once another has left', () => {
  const admission = new Admission({ inFlightMax: 2, heldMaxBytes: 1_000 });
  const leave = admission.enter(1);
  admission.enter(1);
  expect(() => admission.enter(1)).toThrow(full);
  leave();
  leave();
  expect(admission.held).toEqual({ requests: 1, bytes: 1 });
  admission.enter(1);
});

test('bytes are bounded too, except for a request that is alone', () => {
  const admission = new Admission({ inFlightMax: 10, heldMaxBytes: 100 });
  const leave = admission.enter(500);
  expect(() => admission.enter(1)).toThrow(full);
  leave();
  admission.enter(60);
  expect(() => admission.enter(41)).toThrow(full);
  admission.enter(40);
});
