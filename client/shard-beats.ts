// What all shards say of themselves, as they say it: the newest heartbeat of each, and how fast its replicas serve.
import { Heartbeat, HEARTBEAT_STALE_MS } from '../contracts/heartbeat.js';
import { wildcards } from '../contracts/subjects.js';
import type { Bus } from '../services/mesh/bus.js';
import type { Clock } from '../services/mesh/clock.js';

export interface ShardBeat {
  readonly beat: Heartbeat;
  readonly heardMs: number;
  /** Answers a second of each replica between the last two beats. */
  readonly ratePerS: ReadonlyMap<string, number>;
}

/** Silent for so long, it is shown no more. */
const FORGOTTEN_MS = 20 * HEARTBEAT_STALE_MS;

export class ShardBeats {
  private readonly shards = new Map<string, ShardBeat>();

  constructor(private readonly clock: Clock) {}

  /** Regions forward heartbeats to each other, so one connection hears all; with two the same beat comes twice. */
  listen(bus: Bus): void {
    bus.nc.subscribe(wildcards.heartbeats(), {
      callback: (error, message) => {
        if (!error) this.hear(message.data);
      },
    });
  }

  all(): ShardBeat[] {
    const now = this.clock.monotonicMs();
    return [...this.shards.values()]
      .filter(({ heardMs }) => now - heardMs < FORGOTTEN_MS)
      .toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
  }

  hear(data: Uint8Array): void {
    const parsed = Heartbeat.safeParse(JSON.parse(new TextDecoder().decode(data)));
    if (!parsed.success) return; // another build's; doctor compares those
    const beat = parsed.data;
    const before = this.shards.get(beat.shard);
    const sameLife = before?.beat.pid === beat.pid;
    if (sameLife && before.beat.seq >= beat.seq) return;
    const heardMs = this.clock.monotonicMs();
    const ratePerS = new Map<string, number>();
    for (const replica of beat.replicas) {
      const earlier = sameLife ? before.beat.replicas.find(({ id }) => id === replica.id) : undefined;
      const seconds = before ? (heardMs - before.heardMs) / 1_000 : 0;
      if (earlier && seconds > 0)
        ratePerS.set(replica.id, Math.max(0, replica.served - earlier.served) / seconds);
    }
    this.shards.set(beat.shard, { beat, heardMs, ratePerS });
  }
}

const place = ({ beat }: ShardBeat): string => `${beat.region} ${beat.shard}`;
