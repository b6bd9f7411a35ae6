// The CI form of the drill releases. `npm run -s chaos -- releases` is the full one.
import { expect, test } from 'vitest';
import { drill } from './drills/releases.js';

test('releases under load, ended and aborted, fail no request, and no version answers long after its share is gone', async () => {
  const lines: string[] = [];
  const report = await drill({ form: 'ci', seed: 20_262, log: (line) => lines.push(line) });
  const broken = report.promises.filter((promise) => !promise.holds);
  expect(broken, lines.join('\n')).toEqual([]);
});
