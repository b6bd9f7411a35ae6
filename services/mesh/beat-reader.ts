// Reads what shards say of themselves: whole beats as they are, and changes between them as what the beat before says with them in it. For
// listeners that look at shards as a whole; the table of routes takes changes by themselves (shard-table.ts).
import { BeatChanges, Heartbeat, type ReplicaReport } from '../../contracts/heartbeat.js';

/** Shards come under new names for as long as a listener lives. */
const KNOWN_MAX = 10_000;

interface Known {
  readonly beat: Heartbeat;
  /** By id, as of that beat. */
  readonly replicas: Map<string, ReplicaReport>;
}

export class BeatReader {
  /** Those that spoke last come last. */
  private readonly latest = new Map<string, Known>();

  /** Undefined for what is not of the agreed form. */
  beat(text: string): Heartbeat | undefined {
    const beat = parsed(Heartbeat, text);
    if (beat) this.keep({ beat, replicas: new Map(beat.replicas.map((replica) => [replica.id, replica])) });
    return beat;
  }

  /** Undefined, too, for changes of a shard that was not heard since it began, and for those that come after newer ones. */
  changes(text: string): Heartbeat | undefined {
    const changes = parsed(BeatChanges, text);
    const known = changes && this.latest.get(changes.shard);
    if (!known || known.beat.pid !== changes.pid || changes.seq <= known.beat.seq) return undefined;
    const { seq, state, gone } = changes;
    const { replicas } = known;
    for (const id of gone) replicas.delete(id);
    for (const replica of changes.replicas) replicas.set(replica.id, replica);
    const beat = { ...known.beat, seq, state, replicas: [...replicas.values()] };
    this.keep({ beat, replicas });
    return beat;
  }

  private keep(known: Known): void {
    const { shard } = known.beat;
    this.latest.delete(shard);
    this.latest.set(shard, known);
    for (const oldest of this.latest.keys()) {
      if (this.latest.size <= KNOWN_MAX) break;
      this.latest.delete(oldest);
    }
  }
}

function parsed<T>(
  schema: { safeParse: (value: unknown) => { data?: T | undefined } },
  text: string,
): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
