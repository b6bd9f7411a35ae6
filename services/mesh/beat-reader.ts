// Reads what shards say of themselves: whole beats as they are, and changes between them as what the beat before says with them in it. For
// listeners that look at shards as a whole; the table of routes takes changes by themselves (shard-table.ts).
import { BeatChanges, Heartbeat } from '../../contracts/heartbeat.js';

/** Shards come under new names for as long as a listener lives. */
const KNOWN_MAX = 10_000;

export class BeatReader {
  /** Those that spoke last come last. */
  private readonly latest = new Map<string, Heartbeat>();

  /** Undefined for what is not of the agreed form. */
  beat(text: string): Heartbeat | undefined {
    const beat = parsed(Heartbeat, text);
    if (beat) this.keep(beat);
    return beat;
  }

  /** Undefined, too, for changes of a shard that was not heard since it began, and for those that come after newer ones. */
  changes(text: string): Heartbeat | undefined {
    const changes = parsed(BeatChanges, text);
    const before = changes && this.latest.get(changes.shard);
    if (!before || before.pid !== changes.pid || changes.seq <= before.seq) return undefined;
    const { seq, state, gone } = changes;
    const fresh = new Map(changes.replicas.map((replica) => [replica.id, replica]));
    const left = new Set(gone);
    const stayed = before.replicas.filter(({ id }) => !left.has(id));
    const known = new Set(stayed.map(({ id }) => id));
    const replicas = [
      ...stayed.map((replica) => fresh.get(replica.id) ?? replica),
      ...changes.replicas.filter(({ id }) => !known.has(id)),
    ];
    const beat = { ...before, seq, state, replicas };
    this.keep(beat);
    return beat;
  }

  private keep(beat: Heartbeat): void {
    this.latest.delete(beat.shard);
    this.latest.set(beat.shard, beat);
    for (const shard of this.latest.keys()) {
      if (this.latest.size <= KNOWN_MAX) break;
      this.latest.delete(shard);
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
