// What a freshly made session goes through before its replica is announced: runs at real shapes, answers held against the
// declaration, the version's self-test, and the timing that tells how many requests to put into a run. load.ts calls it.
import { failure } from '../../../contracts/errors.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { Clock } from '../../mesh/clock.js';
import type { Random } from '../../mesh/random.js';
import { BATCH_SIZES, type BatchTiming, decideBatchMax } from './batch-max.js';
import { canBatch, Gatherer, sliceRows } from './gather.js';
import type { ModelSession } from './model-session.js';
import { difference } from './same-values.js';
import { runSelfTest, type TestCase } from './self-test.js';
import { DIM_GUESSES, warmInputs } from './warm-inputs.js';

export interface WarmUpPlan {
  readonly warmDims: Readonly<Record<string, number>>;
  readonly cases: readonly TestCase[];
  readonly convolutional: boolean;
}

export interface WarmUpParts {
  readonly session: Pick<ModelSession, 'run' | 'declared'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Random;
  /** How every run is made: tells the engine that it blocks. */
  readonly blocking: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface WarmUpReport {
  readonly runMs: number;
  readonly batchMax: number;
}

/** The first run allocates, the second settles the arena, the third is like those to come. */
const WARM_RUNS = 3;
const TIMED_RUNS = 5;
/** Of one batch size; a slow model is timed once and its larger sizes not at all. */
const TIMED_MS_MAX = 60;
/** Rows of a joint run may round otherwise than single ones, but never by more. */
const BATCH_TOLERANCE = 1e-4;

export async function warmUp(plan: WarmUpPlan, parts: WarmUpParts): Promise<WarmUpReport> {
  const run = (inputs: readonly Tensor[]) => checkedRun(inputs, parts);
  const sample = await findSample(plan, parts, run);
  for (let i = 1; i < WARM_RUNS; i++) await run(sample);
  await runSelfTest(plan.cases, run);
  const runMs = await time(() => run(sample), parts.clock);
  const { inputs, outputs } = parts.session.declared;
  const single = sample.every(({ shape }) => shape[0] === 1);
  if (plan.convolutional || !single || !canBatch(inputs, outputs)) return { runMs, batchMax: 1 };
  const rows = BATCH_SIZES.map(() => vary(sample, plan, parts.random));
  if (!(await joinsCleanly(rows, run))) return { runMs, batchMax: 1 };
  return { runMs, batchMax: await measureBatchMax(sample, runMs, parts, run) };
}

type Run = (inputs: readonly Tensor[]) => Promise<Tensor[]>;

async function checkedRun(inputs: readonly Tensor[], { session, blocking }: WarmUpParts): Promise<Tensor[]> {
  const outputs = await blocking(() => session.run(inputs));
  for (const { name, shape } of outputs) {
    const declared = session.declared.outputs.find((spec) => spec.name === name)?.shape ?? [];
    const agrees =
      shape.length === declared.length && declared.every((size, axis) => size === -1 || size === shape[axis]);
    if (!agrees)
      throw failure(
        'MODEL_REFUSED',
        `The output "${name}" came out as [${shape.join(',')}], the model declares [${declared.join(',')}].`,
      );
  }
  return outputs;
}

/** Real inputs when the version brings some; else the first guess that runs. */
async function findSample({ cases, warmDims }: WarmUpPlan, parts: WarmUpParts, run: Run): Promise<Tensor[]> {
  const [given] = cases;
  if (given) {
    await run(given.inputs);
    return given.inputs;
  }
  const { inputs: specs } = parts.session.declared;
  const guessing = specs.some(({ shape }) => shape.slice(1).includes(-1));
  let problem: unknown;
  for (const guess of guessing ? DIM_GUESSES : DIM_GUESSES.slice(0, 1)) {
    const sample = warmInputs(specs, warmDims, guess, parts.random);
    try {
      await run(sample);
      return sample;
    } catch (error) {
      problem = error;
    }
  }
  const why = problem instanceof Error ? problem.message : String(problem);
  throw failure(
    'MODEL_REFUSED',
    `No warm-up run succeeded: ${why} Name sizes in the card (warmDims) or give real inputs (selftest.json).`,
    {},
    problem,
  );
}

/** Other values of the same shape, so that rows which leak into each other show. */
function vary(sample: readonly Tensor[], { cases, warmDims }: WarmUpPlan, random: Random): Tensor[] {
  // Values that the publisher gave are kept: invented ones may be no valid input.
  if (cases.length > 0) return [...sample];
  const specs = sample.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape], dims: [] }));
  return warmInputs(specs, warmDims, { last: 1, inner: 1 }, random);
}

async function joinsCleanly(requests: readonly (readonly Tensor[])[], run: Run): Promise<boolean> {
  const singles: Tensor[][] = [];
  for (const inputs of requests) singles.push(await run(inputs));
  const total = requests.length;
  let joint: Tensor[];
  try {
    joint = await run(new Gatherer().join(requests));
  } catch {
    return false; // the graph holds a batch of one somewhere, whatever its inputs declare
  }
  if (joint.some(({ shape }) => shape[0] !== total)) return false;
  return singles.every((single, row) => {
    const rows = joint.map((output) => sliceRows(output, row, 1, total));
    return difference(rows, single, BATCH_TOLERANCE) === undefined;
  });
}

async function measureBatchMax(
  sample: readonly Tensor[],
  runMs: number,
  { clock }: WarmUpParts,
  run: Run,
): Promise<number> {
  const gatherer = new Gatherer();
  const timings: BatchTiming[] = [{ size: 1, runMs }];
  for (const size of BATCH_SIZES.slice(1)) {
    // Even if every row cost the full price, a size is tried only when it does not hold up the neighbours for long.
    if (runMs * size > TIMED_MS_MAX * 4) break;
    const joined = gatherer.join(Array.from({ length: size }, () => sample));
    timings.push({ size, runMs: await time(() => run(joined), clock) });
  }
  return decideBatchMax(timings);
}

/** The quickest of a few: what disturbs a run only ever makes it slower. */
async function time(run: () => Promise<unknown>, clock: Pick<Clock, 'monotonicMs'>): Promise<number> {
  let best = Infinity;
  let spent = 0;
  for (let i = 0; i < TIMED_RUNS && (i === 0 || spent < TIMED_MS_MAX); i++) {
    const startedMs = clock.monotonicMs();
    await run();
    const ms = clock.monotonicMs() - startedMs;
    spent += ms;
    best = Math.min(best, ms);
  }
  return best;
}
