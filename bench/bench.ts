// npm run -s bench -- NAME [--quick|--ci] [--seed N] [--only PART] [--json]: runs one benchmark of this folder.
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Benchmark, jsonLine, printAims } from './report.js';

const NOT_BENCHMARKS = new Set(['bench', 'report']);
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.js') && !file.endsWith('.test.js'))
  .map((file) => file.slice(0, -3))
  .filter((name) => !NOT_BENCHMARKS.has(name) && !name.startsWith('_'));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    ci: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});

const name = positionals[0];
if (!name || !names.includes(name)) {
  console.error(
    `Say which benchmark: ${names.join(', ')}. For example: npm run -s bench -- ${names[0] ?? 'path'} --quick`,
  );
  process.exit(64);
}

const { benchmark } = (await import(`./${name}.js`)) as { benchmark: Benchmark };
const started = performance.now();
const result = await benchmark({
  form: values.ci ? 'ci' : values.quick ? 'quick' : 'full',
  seed: Number(values.seed),
  log: (line) => console.error(`${name}, ${Math.round((performance.now() - started) / 1_000)} s: ${line}`),
  ...(values.only !== undefined && { only: values.only }),
});
printAims(result.aims);
if (values.json) console.log(jsonLine(name, (performance.now() - started) / 1000, result));
process.exit(0);
