// npm run -s bench -- NAME [--quick|--ci] [--seed N] [--only PART] [--json]: runs one benchmark of this folder.
import { askedFor, modulesIn } from '../chaos-tests/asked-for.js';
import { type Benchmark, jsonLine, printAims } from './report.js';

const NOT_BENCHMARKS = new Set(['bench', 'report']);
const names = modulesIn(import.meta.dirname).filter((one) => !NOT_BENCHMARKS.has(one));

const asked = askedFor(process.argv.slice(2), {
  command: 'bench',
  what: 'benchmark',
  names,
  seed: 1,
  inParts: true,
});
if (typeof asked === 'string') {
  console.error(asked);
  process.exit(64);
}

const { name, form, seed, json, only } = asked;
const { benchmark } = (await import(`./${name}.js`)) as { benchmark: Benchmark };
const started = performance.now();
const secondsSince = (): number => (performance.now() - started) / 1_000;
const result = await benchmark({
  form,
  seed,
  log: (line) => console.error(`${name}, ${Math.round(secondsSince())} s: ${line}`),
  ...(only !== undefined && { only }),
});
printAims(result.aims);
if (json) console.log(jsonLine(name, secondsSince(), result));
process.exit(0);
