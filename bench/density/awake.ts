// Who is awake in a mesh and in which engine, as heartbeats say. `bench density` asks.
import type { Heartbeat } from '../../contracts/heartbeat.js';

/** Of models other than the hot one where nothing else is said. */
export class Awake {
  private readonly byShard = new Map<string, Heartbeat>();
  private readonly seen = new Set<string>();
  loads = 0;

  hear(beat: Heartbeat): void {
    this.byShard.set(beat.shard, beat);
    const ready = new Set(this.names());
    for (const name of ready) if (!this.seen.has(name)) this.loads++;
    this.seen.clear();
    for (const name of ready) this.seen.add(name);
  }

  has(name: string): boolean {
    return this.seen.has(name);
  }

  get count(): number {
    return this.seen.size - (this.seen.has('hot') ? 1 : 0);
  }

  any(random: () => number): string | undefined {
    const names = this.names().filter((name) => name !== 'hot');
    return names[Math.floor(random() * names.length)];
  }

  engines(): number[] {
    return [...this.byShard.values()].flatMap(({ engines }) =>
      engines.filter(({ replicas }) => replicas.length > 0).map(({ pid }) => pid),
    );
  }

  engineOf(name: string): number | undefined {
    for (const { replicas, engines } of this.byShard.values()) {
      const id = replicas.find(({ model }) => model === name)?.id;
      const engine = id === undefined ? undefined : engines.find((one) => one.replicas.includes(id));
      if (engine) return engine.pid;
    }
    return undefined;
  }

  private names(): string[] {
    return [...this.byShard.values()].flatMap(({ replicas }) =>
      replicas.filter(({ state }) => state === 'ready').map(({ model }) => model),
    );
  }
}
