// What all shards say of themselves, as they say it: the newest heartbeat of each, and how fast its replicas serve.
import { type Heartbeat, HEARTBEAT_STALE_MS } from '../contracts/heartbeat.js';
import { wildcards } from '../contracts/subjects.js';
import { BeatReader } from '../services/mesh/beat-reader.js';
import type { Bus } from '../services/mesh/bus.js';
import type { Clock } from '../services/mesh/clock.js';

export interface ShardBeat {
  readonly beat: Heartbeat;
  readonly heardMs: number;
  /** Answers a second of each replica, lately. */
  readonly ratePerS: ReadonlyMap<string, number>;
  /** What the next rates are taken from. */
  readonly counted: { readonly beat: Heartbeat; readonly atMs: number };
}

/** Silent for so long, it is shown no more. */
const FORGOTTEN_MS = 20 * HEARTBEAT_STALE_MS;
/** Between two beats a shard tells of changes, in which others' counts are old. */
const RATE_OVER_MS = 250;

export class ShardBeats {
  private readonly shards = new Map<string, ShardBeat>();

  constructor(private readonly clock: Clock) {}

  /** Regions forward heartbeats to each other, so one connection hears all; with two the same beat comes twice. */
  listen(bus: Bus): void {
    const reader = new BeatReader();
    const listen = (subject: string, read: (text: string) => Heartbeat | undefined): void => {
      bus.nc.subscribe(subject, {
        callback: (error, message) => {
          const beat = error ? undefined : read(message.string());
          // Else another build's; doctor compares those.
          if (beat) this.hear(beat);
        },
      });
    };
    listen(wildcards.heartbeats(), (text) => reader.beat(text));
    listen(wildcards.changes(), (text) => reader.changes(text));
  }

  all(): ShardBeat[] {
    const now = this.clock.monotonicMs();
    return [...this.shards.values()]
      .filter(({ heardMs }) => now - heardMs < FORGOTTEN_MS)
      .toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
  }

  hear(beat: Heartbeat): void {
    const heardMs = this.clock.monotonicMs();
    const fresh = { beat, heardMs, ratePerS: new Map<string, number>(), counted: { beat, atMs: heardMs } };
    const before = this.shards.get(beat.shard);
    if (before?.beat.pid !== beat.pid) return void this.shards.set(beat.shard, fresh);
    if (before.beat.seq >= beat.seq) return;
    const { counted, ratePerS } = before;
    const seconds = (heardMs - counted.atMs) / 1_000;
    if (seconds * 1_000 < RATE_OVER_MS)
      return void this.shards.set(beat.shard, { beat, heardMs, ratePerS, counted });
    const earlier = new Map(counted.beat.replicas.map(({ id, served }) => [id, served]));
    for (const { id, served } of beat.replicas) {
      const from = earlier.get(id);
      if (from !== undefined) fresh.ratePerS.set(id, Math.max(0, served - from) / seconds);
    }
    this.shards.set(beat.shard, fresh);
  }
}

const place = ({ beat }: ShardBeat): string => `${beat.region} ${beat.shard}`;
