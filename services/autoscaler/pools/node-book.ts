// What the keeper of one pool remembers of its nodes: when each was asked for, whether it was ever heard, and which of them are leaving.
import type { Clock } from '../../mesh/clock.js';
import type { Beat } from '../load-book.js';
import { jobOfNode, type PoolNode, type PoolShape } from './compute-pool.js';
import type { NodeSeen } from './decide-nodes.js';

/** Of the newest start, against those before. */
const START_WEIGHT = 0.3;

export class NodeBook {
  readonly leaving = new Set<string>();
  /** Nodes that were heard for the first time, so far. */
  arrivals = 0;
  /** Since when a node has had the time to be heard in: it begins when the pool has begun. */
  private readonly asked = new Map<string, number>();
  /** When a node was asked for, its time in a queue included. */
  private readonly began = new Map<string, number>();
  private readonly heardOnce = new Set<string>();
  private startedMs: number | undefined;
  private known: readonly NodeSeen[] | undefined;

  constructor(
    private readonly shape: Pick<PoolShape, 'name' | 'region'>,
    private readonly clock: Clock,
  ) {}

  /** Undefined before the pool has answered once. */
  get nodes(): readonly NodeSeen[] | undefined {
    return this.known;
  }

  /** What the pool has now. */
  take(there: readonly PoolNode[], beats: ReadonlyMap<string, Beat>): readonly NodeSeen[] {
    const nodes = there.map((node) => this.seen(node, beats.get(node.name)));
    const names = new Set(there.map(({ name }) => name));
    for (const of of [this.asked, this.began, this.heardOnce])
      for (const name of of.keys()) if (!names.has(name)) of.delete(name);
    this.known = nodes;
    return nodes;
  }

  /** It was asked for: until the pool lists it, it is there and costs. */
  ask(name: string): void {
    const nowMs = this.clock.monotonicMs();
    this.asked.set(name, nowMs);
    this.began.set(name, nowMs);
    const others = (this.known ?? []).filter((one) => one.name !== name);
    this.known = [...others, this.seen({ name, state: 'there' }, undefined)];
  }

  wasHeard(name: string): boolean {
    return this.heardOnce.has(name);
  }

  /** From asking for a shard to hearing it: as it was lately, or as long as the latest has taken already. */
  get startMs(): number | undefined {
    const late = (this.known ?? []).filter(
      ({ name, heard }) =>
        !heard && !this.wasHeard(name) && jobOfNode(this.shape, name) === undefined && this.began.has(name),
    );
    const waitedMs = late.map(({ name }) => this.waitedMs(name) ?? 0);
    const longest = Math.max(this.startedMs ?? 0, ...waitedMs);
    return longest > 0 ? longest : this.startedMs;
  }

  private seen({ name, state }: PoolNode, beat: Beat | undefined): NodeSeen {
    const nowMs = this.clock.monotonicMs();
    if (!this.asked.has(name) || state === 'queued') this.asked.set(name, nowMs);
    if (beat && !this.heardOnce.has(name)) {
      this.heardOnce.add(name);
      this.arrivals++;
      const tookMs = this.waitedMs(name);
      const before = this.startedMs ?? tookMs;
      if (tookMs !== undefined && before !== undefined)
        this.startedMs = before + START_WEIGHT * (tookMs - before);
    }
    return {
      name,
      state,
      heard: beat !== undefined,
      ageMs: nowMs - (this.asked.get(name) ?? nowMs),
      inFlight: beat?.replicas.reduce((sum, { inFlight }) => sum + inFlight, 0) ?? 0,
      replicas: beat?.replicas.length ?? 0,
      leaving: this.leaving.has(name),
    };
  }

  private waitedMs(name: string): number | undefined {
    const beganMs = this.began.get(name);
    return beganMs === undefined ? undefined : this.clock.monotonicMs() - beganMs;
  }
}
