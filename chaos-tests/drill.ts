// npm run -s chaos -- NAME [--quick|--ci] [--seed N] [--json]: runs one drill of chaos-tests/drills and says whether its promises held.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Drill, drillJson, printReport } from './promises.js';

const folder = join(import.meta.dirname, 'drills');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.js') && !file.endsWith('.test.js'))
  .map((file) => file.slice(0, -3));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    ci: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(process.pid) },
  },
});

const name = positionals[0];
if (!name || !names.includes(name)) {
  console.error(`Say which drill: ${names.join(', ')}. For example: npm run -s chaos -- ${names[0]} --quick`);
  process.exit(64);
}

const form = values.ci ? 'ci' : values.quick ? 'quick' : 'full';
const seed = Number(values.seed);
console.log(
  `drill ${name}, form ${form}, seed ${seed}; the same faults again: npm run -s chaos -- ${name} --seed ${seed}`,
);
const { drill } = (await import(join(folder, `${name}.js`))) as { drill: Drill };
const started = performance.now();
const report = await drill({ form, seed, log: (line) => console.log(line) });
printReport(report);
if (values.json) console.log(drillJson(name, (performance.now() - started) / 1000, report));
process.exit(report.promises.every((p) => p.holds) ? 0 : 1);
