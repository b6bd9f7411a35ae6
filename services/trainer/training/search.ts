// Successive halving (Jamieson, Talwalkar, 2016): every candidate learns for the same time, the worse half is stopped, the better
// half gets twice the time, until one is left or the budget is spent. Each was validated on the same examples. Jobs with a search ask.
import { Failure } from '../../../contracts/errors.js';
import type { Trial } from '../../../contracts/train-report.js';
import type { Network, TrainJob } from '../../../contracts/train-job.js';
import type { Clock } from '../../mesh/clock.js';
import type { RunPosition } from './saved-run.js';
import type { TrainingRun } from './training-run.js';

export interface Candidate {
  readonly network: Network;
  readonly rate: number;
  readonly batch: number;
}

export interface Found {
  readonly chosen: Candidate;
  readonly from: RunPosition | undefined;
  readonly trials: readonly Trial[];
}

/** Every network with every rate and batch size; the job's own are among them. */
export function candidatesOf({ network, training, search }: TrainJob): Candidate[] {
  const networks = [network, ...(search?.networks ?? [])];
  const rates = [...new Set([training.rate, ...(search?.rates ?? [])])];
  const batches = [...new Set([training.batch, ...(search?.batches ?? [])])];
  return networks.flatMap((one) =>
    rates.flatMap((rate) => batches.map((batch) => ({ network: one, rate, batch }))),
  );
}

export function nameOf({ network, rate, batch }: Candidate): string {
  const { kind, ...rest } = network;
  return `${kind} ${JSON.stringify(rest).replaceAll('"', '')}, rate ${rate}, batch ${batch}`;
}

interface Racer {
  readonly candidate: Candidate;
  from: RunPosition | undefined;
  trial: Trial;
}

/** Throws what the last candidate failed with when none is left. */
export async function searchBest(
  candidates: readonly Candidate[],
  budgetMs: number,
  clock: Clock,
  open: (candidate: Candidate, from: RunPosition | undefined) => Promise<TrainingRun>,
): Promise<Found> {
  const startMs = clock.monotonicMs();
  const leftMs = (): number => budgetMs - (clock.monotonicMs() - startMs);
  const all = candidates.map((candidate): Racer => ({ candidate, from: undefined, trial: fresh(candidate) }));
  let racing = all;
  let refusal: unknown;
  for (let rounds = Math.max(1, Math.ceil(Math.log2(all.length))); racing.length > 0; rounds--) {
    for (const [i, racer] of racing.entries()) {
      const sliceMs = leftMs() / Math.max(1, rounds) / (racing.length - i);
      refusal = (await race(racer, sliceMs, clock, open)) ?? refusal;
    }
    racing = racing.filter(({ trial }) => trial.ended === 'finished');
    racing.sort((a, b) => a.trial.validationLoss - b.trial.validationLoss);
    if (racing.length <= 1 || leftMs() <= 0) break;
    for (const { trial } of racing.slice(Math.ceil(racing.length / 2))) trial.ended = 'stopped early';
    racing = racing.slice(0, Math.ceil(racing.length / 2));
  }
  const [winner] = racing;
  if (winner === undefined) throw refusal;
  winner.trial.ended = 'chosen';
  return { chosen: winner.candidate, from: winner.from, trials: all.map(({ trial }) => trial) };
}

const fresh = (candidate: Candidate): Trial => ({
  name: nameOf(candidate),
  epochs: 0,
  parameterCount: 0,
  validationLoss: Number.MAX_VALUE,
  ended: 'finished',
});

/** At least one epoch, since without one there is nothing to compare. Returns the refusal of a candidate that cannot be. */
async function race(
  racer: Racer,
  sliceMs: number,
  clock: Clock,
  open: (candidate: Candidate, from: RunPosition | undefined) => Promise<TrainingRun>,
): Promise<unknown> {
  const startMs = clock.monotonicMs();
  const { trial } = racer;
  try {
    await using run = await open(racer.candidate, racer.from);
    trial.parameterCount = run.parameterCount;
    for (;;) {
      const end = await run.runEpoch(() => undefined);
      trial.epochs = run.epochsDone;
      if (end === 'diverged') {
        trial.ended = 'diverged';
        trial.why = run.divergence;
        return new Failure('MODEL_FAILED', run.divergence ?? 'Training diverged.');
      }
      const ended = end === 'all epochs done' || end === 'no better for long';
      if (ended || clock.monotonicMs() - startMs >= sliceMs) break;
    }
    trial.validationLoss = run.bestLoss;
    trial.validationAccuracy = run.bestQuality.accuracy;
    trial.validationR2 = run.bestQuality.r2;
    racer.from = run.position();
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    trial.ended = 'refused';
    trial.why = error.message;
    return error;
  }
}
