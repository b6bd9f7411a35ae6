// A student taught in two ways, by labels alone and by its teacher: the same network, beginnings, examples and steps, each way at the rate that
// serves it best on examples kept for choosing. Students of digits and of texts are compared here.
import type { Aim } from '../report.js';

type Way = (seed: number, rate: number) => Promise<Uint8Array>;

interface Comparison {
  /** What learns, as rows and aims name it. */
  readonly what: string;
  readonly teacher: Uint8Array;
  readonly alone: Way;
  readonly taught: Way;
  readonly rates: readonly number[];
  /** One a beginning. */
  readonly seeds: readonly number[];
  /** Shares of examples that are told, of those that choose and those that judge. */
  readonly choosing: (model: Uint8Array) => Promise<number>;
  readonly judging: (model: Uint8Array) => Promise<number>;
}

/** Models are those of the first beginning, figures the means of all. */
export async function comparedStudents(comparison: Comparison) {
  const { what, seeds } = comparison;
  const teacher = 100 * (await comparison.judging(comparison.teacher));
  console.log(`${what}, its teacher: ${teacher.toFixed(2)} %`);
  const alone = await atBestRate('labels alone', comparison.alone, comparison);
  const taught = await atBestRate('distilled', comparison.taught, comparison);
  const aim = (than: string, value: number, aimed: Pick<Aim, 'aim' | 'op'>): Aim => ({
    name: `${what}, distilled, ${than}, mean of ${seeds.length}`,
    value,
    unit: 'points',
    ...aimed,
  });
  const aims = [
    aim('behind its teacher', teacher - taught.mean, { aim: 1, op: '<=' }),
    aim('ahead of labels alone', taught.mean - alone.mean, { aim: 1, op: '>=' }),
  ];
  return { alone: alone.model, distilled: taught.model, aims };
}

/** So many beginnings choose the rate; all judge it. */
const CHOOSING = 3;

async function atBestRate(how: string, way: Way, { what, rates, seeds, choosing, judging }: Comparison) {
  const trials = [];
  for (const rate of rates) {
    const models: Uint8Array[] = [];
    for (const seed of seeds.slice(0, CHOOSING)) models.push(await way(seed, rate));
    trials.push({ rate, models, mean: mean(await points(models, choosing)) });
  }
  const best = trials.reduce((a, b) => (b.mean > a.mean ? b : a));
  for (const seed of seeds.slice(CHOOSING)) best.models.push(await way(seed, best.rate));
  const figures = await points(best.models, judging);
  console.log(
    `${what}, ${how}: ${mean(figures).toFixed(2)} % (deviation ${deviation(figures).toFixed(2)}), each ${figures.map(toFixed).join(', ')}, at rate ${best.rate}; ` +
      `on examples to choose by ${trials.map((one) => `${one.rate}: ${toFixed(one.mean)}`).join(', ')}`,
  );
  return { model: best.models[0] ?? new Uint8Array(), mean: mean(figures) };
}

async function points(models: readonly Uint8Array[], accuracy: Comparison['judging']): Promise<number[]> {
  const found: number[] = [];
  for (const model of models) found.push(100 * (await accuracy(model)));
  return found;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(
    mean(values.map((value) => (value - centre) ** 2)) * (values.length / Math.max(1, values.length - 1)),
  );
}
const toFixed = (value: number): string => value.toFixed(2);
