import { expect, test } from 'vitest';
import { headers } from './headers.js';
import { sequenceHeaders, sequenceInHeaders } from './sequence.js';

test.each(['a', 'call 7', 'grüße\r\nMassif-Reply: x', '100%'])(
  'the id %j is the same on the other side of its header',
  (id) => {
    for (const start of [true, false]) {
      const sent = new Map(sequenceHeaders({ id, start, end: !start }));
      expect(sent.get(headers.sequence)).toMatch(/^[\x21-\x7e]+$/);
      const read = sequenceInHeaders(
        sent.get(headers.sequence),
        sent.get(headers.sequenceStart),
        sent.get(headers.sequenceEnd),
      );
      expect(read).toEqual({ id, start, end: !start });
    }
  },
);

test('0 and nothing are no sequence', () => {
  expect(sequenceInHeaders('0', '1', undefined)).toBeUndefined();
  expect(sequenceInHeaders('', undefined, undefined)).toBeUndefined();
});

test('a flag that is none, and an id that is too long, are refused by name', () => {
  expect(() => sequenceInHeaders('a', 'yes', undefined)).toThrow(headers.sequenceStart);
  expect(() => sequenceInHeaders('a'.repeat(129), undefined, undefined)).toThrow(headers.sequence);
});
