// What autoscalers hear: heartbeats of shards and the notices of those who wait, entered in the book of loads.
import { z } from 'zod';
import { WaitingNotice } from '../../contracts/scaling.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { hearBeats } from '../mesh/hear-beats.js';
import type { Log } from '../mesh/log.js';
import type { LoadBook } from './load-book.js';

/** `waited`: somebody waits. Returns the end of it. */
export function hear(
  { bus, clock, log }: { bus: Bus; clock: Clock; log: Log },
  book: LoadBook,
  waited: (notice: WaitingNotice) => void,
): () => void {
  const deafen = hearBeats(bus, log, (beat) => book.heard(beat, clock.monotonicMs()));
  const rooms = bus.nc.subscribe(subjects.waiting(), {
    callback: (error, message) => {
      const notice = error ? undefined : readMessage(WaitingNotice, message.string());
      if (!notice) return;
      book.waits(notice, clock.monotonicMs());
      if (notice.waiting > 0) waited(notice);
    },
  });
  return () => {
    deafen();
    if (!bus.nc.isClosed()) rooms.unsubscribe();
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
