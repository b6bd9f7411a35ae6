// The CI form of the drill kill-each: one kill of every kind of process. `npm run -s chaos -- kill-each` is the full one.
import { expect, test } from 'vitest';
import { drill } from './drills/kill-each.js';

test('one kill of every kind of process fails no request of the client library, and the runbook works meanwhile', async () => {
  const lines: string[] = [];
  const report = await drill({ form: 'ci', seed: 20_261, log: (line) => lines.push(line) });
  const broken = report.promises.filter((promise) => !promise.holds);
  expect(broken, lines.join('\n')).toEqual([]);
});
