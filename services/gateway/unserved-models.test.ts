import { expect, test } from 'vitest';
import { unservedEntry } from './unserved-models.js';

type Summary = Parameters<typeof unservedEntry>[0];
const versions = [
  { digest: 'b', label: '2.0' },
  { digest: 'a', label: '1.0' },
] as unknown as Summary['versions'];

test('an unserved model is listed at the version that a load would bring', () => {
  const { version, state } = unservedEntry({ model: 'ocr', aliases: { stable: 'a' }, versions });
  expect([version, state]).toEqual(['1.0', 'UNAVAILABLE']);
  expect(unservedEntry({ model: 'ocr', aliases: {}, versions }).version).toBe('2.0');
});
