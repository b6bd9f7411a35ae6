// The CI form of the drill attacks: one attempt of every class. `npm run -s chaos -- attacks` makes twelve of each.
import { expect, test } from 'vitest';
import { drill } from './drills/attacks.js';

test('no version that the gate forbids is ever served, every valid one is, and each refusal is the work of its one check', async () => {
  const lines: string[] = [];
  const report = await drill({ form: 'ci', seed: 20_261, log: (line) => lines.push(line) });
  const broken = report.promises.filter((promise) => !promise.holds);
  expect(broken, lines.join('\n')).toEqual([]);
});
