// What autoscalers hear: heartbeats of shards and the notices of those who wait, entered in the book of loads.
import { z } from 'zod';
import { Heartbeat, ReplicaReport } from '../../contracts/heartbeat.js';
import { WaitingNotice } from '../../contracts/scaling.js';
import { subjects, wildcards } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { LoadBook } from './load-book.js';

/** The rest of a heartbeat would be parsed in vain, twice a second for every shard. */
const BeatSchema = Heartbeat.pick({
  shard: true,
  region: true,
  pid: true,
  state: true,
  cordoned: true,
  device: true,
}).extend({
  replicas: z.array(
    ReplicaReport.pick({
      id: true,
      version: true,
      state: true,
      inFlight: true,
      served: true,
      failed: true,
      itemMs: true,
      latencyMs: true,
    }),
  ),
});

/** `waited`: somebody waits. Returns the end of it. */
export function hear(
  { bus, clock, log }: { bus: Bus; clock: Clock; log: Log },
  book: LoadBook,
  waited: (notice: WaitingNotice) => void,
): () => void {
  const beats = bus.nc.subscribe(wildcards.heartbeats(), {
    callback: (error, message) => {
      const beat = error ? undefined : readMessage(BeatSchema, message.string());
      if (beat) book.heard(beat, clock.monotonicMs());
      else if (error) log.error('subscription.failed', errorFields(error));
    },
  });
  const rooms = bus.nc.subscribe(subjects.waiting(), {
    callback: (error, message) => {
      const notice = error ? undefined : readMessage(WaitingNotice, message.string());
      if (!notice) return;
      book.waits(notice, clock.monotonicMs());
      if (notice.waiting > 0) waited(notice);
    },
  });
  return () => {
    if (bus.nc.isClosed()) return;
    beats.unsubscribe();
    rooms.unsubscribe();
  };
}

/** Undefined for what is not of the agreed form. */
export function readMessage<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
