// npm run -s chaos -- NAME [--quick|--ci] [--seed N] [--json]: runs one drill of chaos-tests/drills and says whether its promises held.
import { join } from 'node:path';
import { askedFor, modulesIn } from './asked-for.js';
import { type Drill, drillJson, printReport } from './promises.js';

const folder = join(import.meta.dirname, 'drills');
const asked = askedFor(process.argv.slice(2), {
  command: 'chaos',
  what: 'drill',
  names: modulesIn(folder),
  seed: process.pid,
  inParts: false,
});
if (typeof asked === 'string') {
  console.error(asked);
  process.exit(64);
}

const { name, form, seed, json } = asked;
console.log(
  `drill ${name}, form ${form}, seed ${seed}; the same faults again: npm run -s chaos -- ${name} --seed ${seed}`,
);
const { drill } = (await import(join(folder, `${name}.js`))) as { drill: Drill };
const started = performance.now();
const report = await drill({ form, seed, log: (line) => console.log(line) });
printReport(report);
if (json) console.log(drillJson(name, (performance.now() - started) / 1000, report));
process.exit(report.promises.every((p) => p.holds) ? 0 : 1);
