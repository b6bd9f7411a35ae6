// The CI form of the drill release-crash. `npm run -s chaos -- release-crash` is the full one.
import { expect, test } from 'vitest';
import { drill } from './drills/release-crash.js';

test('a release goes on where it was when the registry that conducts it is killed after a decision', async () => {
  const lines: string[] = [];
  const report = await drill({ form: 'ci', seed: 20_263, log: (line) => lines.push(line) });
  const broken = report.promises.filter((promise) => !promise.holds);
  expect(broken, lines.join('\n')).toEqual([]);
});
