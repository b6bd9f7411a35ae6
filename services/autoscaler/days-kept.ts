// Writes down what the forecasts learned of endpoints' days, for the leader after this one, under its epoch. The autoscaler begins it with each
// term.
import { keys } from '../../contracts/buckets.js';
import type { ForecastRecord } from '../../contracts/scaling.js';
import type { BucketLog } from '../mesh/bucket-log.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { EndpointScalers } from './endpoint-scalers.js';
import type { ScheduleState } from './scheduler/schedule-state.js';

export interface DaysParts {
  readonly scalers: EndpointScalers;
  readonly kept: BucketLog;
  readonly keptState: ScheduleState;
  /** By name. */
  readonly scaled: Pick<ReadonlyMap<string, unknown>, 'has'>;
  readonly clock: Clock;
  readonly log: Log;
}

const KEEP_EVERY_MS = 120_000;
/** A thousand endpoints at once would hold up everybody else for a second. */
const PAUSE_MS = 20;

/** Now and then, and once more at the end: what the next leader would otherwise have to see for a day. */
export async function keepDays(parts: DaysParts, epoch: number, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts;
  while (!signal.aborted) {
    await clock.sleep(KEEP_EVERY_MS, signal).catch(() => undefined);
    await keep(parts, epoch, signal).catch((error: unknown) =>
      log.warn('forecast.not-kept', errorFields(error)),
    );
  }
}

async function keep(
  { scalers, kept, keptState, scaled, clock }: DaysParts,
  epoch: number,
  signal: AbortSignal,
): Promise<void> {
  const write = (endpoint: string, region: string, value: ForecastRecord | undefined): Promise<void> =>
    kept.transact(() => {
      keptState.fence(epoch);
      return { change: { key: keys.forecast(endpoint, region), value }, result: undefined };
    });
  const learned = scalers.forecasts({ atMs: clock.monotonicMs(), wallMs: clock.now() });
  for (const { endpoint, region, forecast } of learned) {
    if (keptState.forecast(endpoint, region)?.minute === forecast.minute) continue;
    await write(endpoint, region, { endpoint, region, epoch, ...forecast });
    await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
  }
  for (const { endpoint, region } of keptState.kept())
    if (!scaled.has(endpoint)) await write(endpoint, region, undefined);
}
