// Benchmarks whose shortest form takes a mesh of its own and a quarter of a minute.
import { expect, test } from 'vitest';
import { lastLine, slowBenches } from '../bench-run.js';

test.each(slowBenches)('bench %s runs and ends with its line of JSON', async (name) => {
  const last = await lastLine(name);
  expect(last.bench).toBe(name);
  expect(last.aims.length).toBeGreaterThan(0);
});
