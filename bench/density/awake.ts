// Who is awake in a mesh and in which engine, as shards say. `bench density` asks.
import type { NatsConnection } from '@nats-io/transport-node';
import type { BeatChanges, Heartbeat, ReplicaReport } from '../../contracts/heartbeat.js';
import { wildcards } from '../../contracts/subjects.js';

interface Shard {
  readonly replicas: Map<string, ReplicaReport>;
  engines: Heartbeat['engines'];
}

/** Of models other than the hot one where nothing else is said. */
export class Awake {
  private readonly byShard = new Map<string, Shard>();
  private ready = new Set<string>();
  loads = 0;

  /** Without a look at every field, unlike whoever serves: this process also takes the hot model's times. */
  listen(nc: NatsConnection): void {
    nc.subscribe(wildcards.heartbeats(), {
      callback: (error, message) => {
        if (!error) this.hear(message.json<Heartbeat>());
      },
    });
    nc.subscribe(wildcards.changes(), {
      callback: (error, message) => {
        if (!error) this.changed(message.json<BeatChanges>());
      },
    });
  }

  has(name: string): boolean {
    return this.ready.has(name);
  }

  get count(): number {
    return this.ready.size - (this.ready.has('hot') ? 1 : 0);
  }

  any(random: () => number): string | undefined {
    const names = [...this.ready].filter((name) => name !== 'hot');
    return names[Math.floor(random() * names.length)];
  }

  engines(): number[] {
    return [...this.byShard.values()].flatMap(({ engines }) =>
      engines.filter(({ replicas }) => replicas.length > 0).map(({ pid }) => pid),
    );
  }

  engineOf(name: string): number | undefined {
    for (const { replicas, engines } of this.byShard.values()) {
      const id = [...replicas.values()].find(({ model }) => model === name)?.id;
      const engine = id === undefined ? undefined : engines.find((one) => one.replicas.includes(id));
      if (engine) return engine.pid;
    }
    return undefined;
  }

  private hear({ shard, replicas, engines }: Heartbeat): void {
    this.byShard.set(shard, { replicas: new Map(replicas.map((replica) => [replica.id, replica])), engines });
    this.look();
  }

  private changed({ shard, replicas, gone }: BeatChanges): void {
    const known = this.byShard.get(shard);
    if (!known) return;
    for (const replica of replicas) known.replicas.set(replica.id, replica);
    for (const id of gone) known.replicas.delete(id);
    this.look();
  }

  private look(): void {
    const before = this.ready;
    this.ready = new Set();
    for (const { replicas } of this.byShard.values())
      for (const { model, state } of replicas.values()) if (state === 'ready') this.ready.add(model);
    for (const name of this.ready) if (!before.has(name)) this.loads++;
  }
}
