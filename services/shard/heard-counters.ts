// What an engine has said of its replicas, of which it tells only what changed. engine-handle.ts hears it.
import type { ReplicaCounters } from './engine-messages.js';

export class HeardCounters {
  private readonly byReplica = new Map<string, ReplicaCounters>();
  /** Their last word stands until the next answer, in which whoever wanted it has taken it. */
  private readonly departed = new Set<string>();

  of(replica: string): ReplicaCounters | undefined {
    return this.byReplica.get(replica);
  }

  changed(counters: readonly ReplicaCounters[]): void {
    for (const id of this.departed) this.byReplica.delete(id);
    this.departed.clear();
    for (const one of counters) this.byReplica.set(one.id, one);
  }

  /** The last word of a replica that has left. */
  left(counters: ReplicaCounters): void {
    this.byReplica.set(counters.id, counters);
    this.departed.add(counters.id);
  }

  /** It counts from zero, also where it was in this engine before. */
  begins(replica: string): void {
    this.byReplica.delete(replica);
    this.departed.delete(replica);
  }
}
