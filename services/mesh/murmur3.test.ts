import { expect, test } from 'vitest';
import { mix, murmur3 } from './murmur3.js';

test('the published vectors of MurmurHash3 x86_32 come out', () => {
  expect(murmur3('')).toBe(0);
  expect(murmur3('', 1)).toBe(0x514e28b7);
  expect(murmur3('test')).toBe(0xba6bd213);
  expect(murmur3('Hello, world!')).toBe(0xc0363e43);
  expect(murmur3('The quick brown fox jumps over the lazy dog')).toBe(0x2e4ff723);
  expect(murmur3('aaa', 0x9747b28c)).toBe(0x283e0130);
  expect(murmur3('ππππππππ', 0x9747b28c)).toBe(0xd58063c1);
});

test('a string too long for the scratch buffer hashes the same as a short one would', () => {
  // 400 letters are measured as up to 1,200 bytes and go the slow way; 300 fit. Both were computed with another implementation.
  expect(murmur3('a'.repeat(300))).toBe(0x430c10f3);
  expect(murmur3('a'.repeat(400))).toBe(0x52142ea3);
});

test('mixed hashes fill the range evenly', () => {
  const tenths = Array.from({ length: 10 }, () => 0);
  const shard = murmur3('shard-east-1');
  for (let user = 0; user < 100_000; user++) {
    const tenth = Math.floor((mix(murmur3(`user-${user}`), shard) / 2 ** 32) * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});
