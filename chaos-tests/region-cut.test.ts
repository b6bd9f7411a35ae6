// The CI form of the drill region-cut: the line severed once. `npm run -s chaos -- region-cut` cuts it in every way.
import { expect, test } from 'vitest';
import { drill } from './drills/region-cut.js';

test('a region that is cut off serves its own, and has all it missed when the line is back', async () => {
  const lines: string[] = [];
  const report = await drill({ form: 'ci', seed: 1, log: (line) => lines.push(line) });
  const broken = report.promises.filter((promise) => !promise.holds);
  expect(broken, lines.join('\n')).toEqual([]);
});
