// Heartbeats of shards and what changes between them, for all services of a process that listen: over one subscription each, read once. With four listeners in the control
// process every beat came four times and was read four times, which with hundreds of replicas was a third of what a load cost it.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import { wildcards } from '../../contracts/subjects.js';
import { BeatReader } from './beat-reader.js';
import { errorFields, type Log } from './log.js';

type Hear = (beat: Heartbeat) => void;

const listeners = new WeakMap<NatsConnection, Set<Hear>>();

/** What is not of the agreed form is passed over. Returns the end of it. */
export function hearBeats({ nc }: { readonly nc: NatsConnection }, log: Log, hear: Hear): () => void {
  const all = listeners.get(nc) ?? listen(nc, log);
  all.add(hear);
  return () => void all.delete(hear);
}

/** For as long as the connection lives: whoever stops listening leaves with it. */
function listen(nc: NatsConnection, log: Log): Set<Hear> {
  const all = new Set<Hear>();
  listeners.set(nc, all);
  const reader = new BeatReader();
  const listenTo = (subject: string, read: (text: string) => Heartbeat | undefined): void => {
    nc.subscribe(subject, {
      callback: (error, message) => {
        if (error) return log.error('subscription.failed', errorFields(error));
        const beat = read(message.string());
        if (beat) for (const hear of all) hear(beat);
      },
    });
  };
  listenTo(wildcards.heartbeats(), (text) => reader.beat(text));
  listenTo(wildcards.changes(), (text) => reader.changes(text));
  return all;
}
