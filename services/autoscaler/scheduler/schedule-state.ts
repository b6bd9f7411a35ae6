// The bucket of scheduling as the autoscaler reads it: the last schedule, the days that endpoints have, and the highest epoch that ever
// wrote to it.
import { keys } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import { ForecastRecord } from '../../../contracts/scaling.js';
import { ScheduleRecord } from '../../../contracts/scheduling.js';
import type { BucketState, LogEntry } from '../../mesh/bucket-log.js';
import type { Log } from '../../mesh/log.js';

export class ScheduleState implements BucketState {
  private schedule: ScheduleRecord | undefined;
  private readonly forecasts = new Map<string, ForecastRecord>();
  private latest = 0;

  constructor(private readonly log: Log) {}

  apply({ key, value, revision }: LogEntry): void {
    if (key === keys.schedule()) {
      const parsed = value === undefined ? undefined : ScheduleRecord.safeParse(value);
      if (parsed && !parsed.success) return this.log.error('schedule.unreadable', { key, revision });
      this.schedule = parsed?.data;
      this.latest = Math.max(this.latest, parsed?.data.epoch ?? 0);
      return;
    }
    this.forecasts.delete(key);
    if (value === undefined) return;
    const { data: record } = ForecastRecord.safeParse(value);
    if (!record) return this.log.error('forecast.unreadable', { key, revision });
    this.forecasts.set(key, record);
    this.latest = Math.max(this.latest, record.epoch);
  }

  reset(): void {
    this.schedule = undefined;
    this.forecasts.clear();
    this.latest = 0;
  }

  get last(): ScheduleRecord | undefined {
    return this.schedule;
  }

  forecast(endpoint: string, region: string): ForecastRecord | undefined {
    return this.forecasts.get(keys.forecast(endpoint, region));
  }

  kept(): ForecastRecord[] {
    return [...this.forecasts.values()];
  }

  /** Throws LEASE_LOST when a later leader has written. */
  fence(epoch: number): void {
    const { latest } = this;
    if (latest > epoch)
      throw failure('LEASE_LOST', `Epoch ${latest} schedules by now, this is ${epoch}.`, { epoch, latest });
  }
}
