// What a freshly made session goes through before its replica is announced: runs at real shapes, answers held against the
// declaration, the version's self-test, and the timing that tells how many requests to put into a run. load.ts calls it.
import { failure } from '../../../contracts/errors.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { Clock } from '../../mesh/clock.js';
import type { Random } from '../../mesh/random.js';
import { Gatherer, RowCut } from './gather.js';
import { GAIN_MIN, type LatencyPoint, ROW_RUNGS } from './latency-curve.js';
import type { ModelSession } from './model-session.js';
import { findOutputAxes, proposeInputAxes, type RowAxes, rowsOf, SHARED } from './rows.js';
import { difference } from './same-values.js';
import { runSelfTest, type TestCase } from './self-test.js';
import { DIM_GUESSES, warmInputs } from './warm-inputs.js';

export interface WarmUpPlan {
  readonly warmDims: Readonly<Record<string, number>>;
  readonly cases: readonly TestCase[];
  /** Rows that share a run at most. */
  readonly rowsMax: number;
  /** Of the same bytes on the same machine: it need not be measured again, and callers wait for a sleeper. */
  readonly remembered?: RememberedWarmUp | undefined;
}

export interface RememberedWarmUp {
  readonly report: WarmUpReport;
  /** The very graph that is loaded, signed or prepared, has run here: then its first run is the first caller's. */
  readonly ran: boolean;
}

export interface WarmUpParts {
  readonly session: Pick<ModelSession, 'run' | 'declared'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Random;
  /** How every run is made: tells the engine that it blocks. */
  readonly blocking: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface WarmUpReport {
  /** What runs took, one row first. */
  readonly points: readonly LatencyPoint[];
  /** How requests share a run; undefined when they cannot. */
  readonly axes: RowAxes | undefined;
  /** Numbers a row has, over all inputs. */
  readonly rowItems: number;
}

/** The first run allocates, the second settles the arena, the third is like those to come. */
const WARM_RUNS = 3;
const TIMED_RUNS = 5;
/** Of a batch size, and as many single ones beside it: callers' runs correct it, and of a small model's load most were these. */
const SIZE_RUNS = 3;
/** Larger ones, which take longest, are found by callers' runs: what is known may be doubled. */
const TIMED_ROWS_MAX = 64;
/** Of one batch size; a slow model is timed once and its larger sizes not at all. */
const TIMED_MS_MAX = 50;
/** From here on settling is little beside computing, and somebody may wait for every run: none is made for its time alone. */
const SLOW_MS = 25;
const MS_MIN = 1e-3;
/** Rows of a joint run may round otherwise than single ones, but never by more. */
const BATCH_TOLERANCE = 1e-4;
/** Requests in the run that proves that they may share one: as few as can, for a slow model waits for each. */
const JOINED = 2;
/** A slow size in between stops nothing, two of them do: beyond lies a convolution's plain. */
const IN_VAIN_MAX = 2;
/** 64 MB of float32: an arena that grew once stays that large. */
const TRIED_ITEMS_MAX = 16_777_216;

export async function warmUp(plan: WarmUpPlan, parts: WarmUpParts): Promise<WarmUpReport> {
  const { clock } = parts;
  const run = (inputs: readonly Tensor[]) => checkedRun(inputs, parts);
  if (plan.remembered) {
    const { report, ran } = plan.remembered;
    if (!ran && plan.cases.length === 0) await findSample(plan, parts, run);
    await runSelfTest(plan.cases, run);
    return report;
  }
  const { sample, firstMs } = await findSample(plan, parts, run);
  // A quick model is slow, too, while it gets no processor, and its limit would be that of a slow one for a while: two runs have to say so.
  let tookMs = firstMs;
  for (let i = 1; i < WARM_RUNS && (i === 1 || tookMs < SLOW_MS); i++)
    tookMs = Math.min(tookMs, await elapsedMs(() => run(sample), clock));
  await runSelfTest(plan.cases, run);
  const slow = tookMs >= SLOW_MS;
  const runMs = slow ? tookMs : await time(() => run(sample), clock);
  const rowItems = sample.reduce((sum, { data }) => sum + data.length, 0);
  const points: LatencyPoint[] = [{ rows: 1, runMs }];
  const joining = plan.rowsMax === 1 ? undefined : await findAxes(sample, plan, parts, run);
  if (!joining) return { points, axes: undefined, rowItems };
  const { axes, share } = joining;
  // Two sizes say whether joining pays; larger ones are found by the runs of callers, which need not wait for them here.
  if (slow) points.push({ rows: JOINED, runMs: runMs * share });
  else await timeSizes(points, sample, axes, plan.rowsMax, parts, run);
  return { points, axes, rowItems };
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

/** Real inputs when the version brings some; else the first guess that runs. And how long that took. */
async function findSample(
  { cases, warmDims }: WarmUpPlan,
  parts: WarmUpParts,
  run: Run,
): Promise<{ readonly sample: Tensor[]; readonly firstMs: number }> {
  const first = async (sample: Tensor[]) => ({
    sample,
    firstMs: await elapsedMs(() => run(sample), parts.clock),
  });
  const [given] = cases;
  if (given) return first(given.inputs);
  const { inputs: specs } = parts.session.declared;
  const guessing = specs.some(({ shape }) => shape.slice(1).includes(-1));
  let problem: unknown;
  for (const guess of guessing ? DIM_GUESSES : DIM_GUESSES.slice(0, 1)) {
    const sample = warmInputs(specs, warmDims, guess, parts.random);
    try {
      return await first(sample);
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

interface Joining {
  readonly axes: RowAxes;
  /** What the joint run took, of a single one beside it. */
  readonly share: number;
}

/** Proves with real runs what the declaration allows: joint rows must come out as single ones do. */
async function findAxes(
  sample: readonly Tensor[],
  plan: WarmUpPlan,
  parts: WarmUpParts,
  run: Run,
): Promise<Joining | undefined> {
  const inputs = proposeInputAxes(parts.session.declared.inputs);
  if (inputs === undefined || rowsOf(sample, inputs) !== 1) return undefined;
  const requests = Array.from({ length: JOINED }, () => vary(sample, inputs, plan, parts.random));
  try {
    const { clock } = parts;
    const singles: Tensor[][] = [];
    let singleMs = Infinity;
    for (const request of requests) {
      const fromMs = clock.monotonicMs();
      singles.push(copyOf(await run(request)));
      singleMs = Math.min(singleMs, clock.monotonicMs() - fromMs);
    }
    const joined = new Gatherer(inputs).join(requests);
    const fromMs = clock.monotonicMs();
    const joint = await run(joined);
    const share = (clock.monotonicMs() - fromMs) / Math.max(singleMs, MS_MIN);
    const outputs = findOutputAxes(singles[0] ?? [], joint, JOINED);
    if (outputs === undefined) return undefined;
    const own = (row: number): Tensor[] =>
      joint.map((output, i) => new RowCut(output, outputs[i] ?? SHARED, JOINED).rows(row, 1));
    const clean = singles.every((single, row) => difference(own(row), single, BATCH_TOLERANCE) === undefined);
    return clean ? { axes: { inputs, outputs }, share } : undefined;
  } catch {
    return undefined; // the graph holds a batch of one somewhere, whatever its inputs declare
  }
}

/** The library may use the memory of an output again. */
const copyOf = (outputs: readonly Tensor[]): Tensor[] =>
  outputs.map((output) => ({ ...output, data: output.data.slice() as Tensor['data'] }));

/** Other values of the same shape, so that rows which leak into each other show. */
function vary(
  sample: readonly Tensor[],
  axes: readonly number[],
  plan: WarmUpPlan,
  random: Random,
): Tensor[] {
  return sample.map((tensor, i) => {
    if (axes[i] === SHARED) return tensor;
    // Values that the publisher gave are kept but for their size: invented ones may be no valid input.
    if (plan.cases.length > 0) return scaled(tensor, 0.5 + random() / 2);
    const { name, datatype, shape } = tensor;
    const specs = [{ name, datatype, shape: [...shape], dims: [] }];
    return warmInputs(specs, plan.warmDims, { last: 1, inner: 1 }, random)[0] ?? tensor;
  });
}

function scaled(tensor: Tensor, factor: number): Tensor {
  const { data } = tensor;
  if (!(data instanceof Float32Array) && !(data instanceof Float64Array)) return tensor;
  return { ...tensor, data: data.map((value: number) => value * factor) };
}

/** Larger and larger runs, as long as that pays. */
async function timeSizes(
  points: LatencyPoint[],
  sample: readonly Tensor[],
  axes: RowAxes,
  rowsMax: number,
  { clock }: WarmUpParts,
  run: Run,
): Promise<void> {
  const gatherer = new Gatherer(axes.inputs);
  const items = sample.reduce((sum, { data }) => sum + data.length, 0);
  const runMs = points[0]?.runMs ?? 0;
  let best = runMs;
  let lastMs = runMs;
  let inVain = 0;
  for (const rows of ROW_RUNGS.slice(1).filter((size) => size <= Math.min(rowsMax, TIMED_ROWS_MAX))) {
    // Even if every row cost the full price, a size is tried only when it does not hold up the neighbours for long.
    if (inVain >= IN_VAIN_MAX || lastMs * 2 > TIMED_MS_MAX * 4 || rows * items > TRIED_ITEMS_MAX) return;
    const joined = gatherer.join(Array.from({ length: rows }, () => sample));
    // One beside the other, since the proportion decides and a shared machine is twice as fast in one moment as in the next.
    const besideMs = await time(() => run(sample), clock, SIZE_RUNS);
    lastMs = (runMs * (await time(() => run(joined), clock, SIZE_RUNS))) / Math.max(besideMs, MS_MIN);
    points.push({ rows, runMs: lastMs });
    inVain = lastMs / rows < best * (1 - GAIN_MIN) ? 0 : inVain + 1;
    best = Math.min(best, lastMs / rows);
  }
}

/** The quickest of a few: what disturbs a run only ever makes it slower. */
async function time(
  run: () => Promise<unknown>,
  clock: Pick<Clock, 'monotonicMs'>,
  runs = TIMED_RUNS,
): Promise<number> {
  let best = Infinity;
  let spent = 0;
  for (let i = 0; i < runs && (i === 0 || spent + best <= TIMED_MS_MAX); i++) {
    const ms = await elapsedMs(run, clock);
    spent += ms;
    best = Math.min(best, ms);
  }
  return best;
}

async function elapsedMs(work: () => Promise<unknown>, clock: Pick<Clock, 'monotonicMs'>): Promise<number> {
  const startedMs = clock.monotonicMs();
  await work();
  return clock.monotonicMs() - startedMs;
}
