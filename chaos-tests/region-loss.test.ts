// The CI form of the drill region-loss: each region once. `npm run -s chaos -- region-loss` is the full one.
import { expect, test } from 'vitest';
import { drill } from './drills/region-loss.js';

test('each region lost once fails no request of the client library, and the runbook works meanwhile', async () => {
  const lines: string[] = [];
  const report = await drill({ form: 'ci', seed: 1, log: (line) => lines.push(line) });
  const broken = report.promises.filter((promise) => !promise.holds);
  expect(broken, lines.join('\n')).toEqual([]);
});
