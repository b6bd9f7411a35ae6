import { expect, test } from 'vitest';
import { type Policy, stack } from './stack.js';

test('policies meet a request in the order written, and its answer in the reverse order', async () => {
  const seen: string[] = [];
  const noting =
    (name: string): Policy =>
    (next) =>
    async (request, signal) => {
      seen.push(`${name} in`);
      const answer = await next(request, signal);
      seen.push(`${name} out`);
      return answer;
    };
  const handle = stack(noting('outer'), noting('inner'))(async (n: number) => n + 1);
  expect(await handle(1, AbortSignal.abort())).toBe(2);
  expect(seen).toEqual(['outer in', 'inner in', 'inner out', 'outer out']);
});
