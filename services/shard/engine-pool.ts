// The engine processes of a shard: hands out room in them, keeps a warm spare, kills the stuck, ends the empty. It knows replicas
// by number and what they may take; what a loss means for them is for residents.ts to say.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineReport } from '../../contracts/heartbeat.js';
import { backoffMs, RESTART_BACKOFF } from '../mesh/backoff.js';
import type { Clock } from '../mesh/clock.js';
import type { Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import { chooseEngine, type EngineNeed } from './engine-choice.js';
import { PING_MS } from './engine-watch.js';
import { killOrphans } from './orphans.js';
import { PooledEngine, type Resident } from './pooled-engine.js';
import { whyRecycle } from './recycling.js';

export interface PoolOptions {
  /** The compiled engine/engine.js. */
  readonly entry: string;
  readonly shard: string;
  readonly region: string;
  readonly natsUrl: string;
  readonly natsKey?: string | undefined;
  readonly threads: number;
  readonly device: string;
  readonly bodyMaxBytes: number;
  readonly keptMaxBytes: number;
  readonly observe?: boolean | undefined;
  readonly dir: string;
  readonly rssBytesMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface PoolEvents {
  readonly warming: (replica: string) => void;
  /** These replicas have lost their engine; `culprit` is the one that brought it down, if any did. */
  readonly lost: (numbers: readonly number[], culprit: number | undefined, why: string) => void;
  readonly changed: () => void;
}

// Replicas that leave have drained already: this is for what came in the meantime.
const DRAIN_MS = 1_000;
const SPARE_AFTER_MS = 500;

export class EnginePool {
  private readonly engines = new Map<number, PooledEngine>();
  private spare: PooledEngine | undefined;
  private lastId = 0;
  private failedStarts = 0;
  private stopping = false;
  private stopWatching: () => void = () => undefined;

  constructor(
    private readonly options: PoolOptions,
    private readonly events: PoolEvents,
  ) {}

  start(): void {
    const { dir, clock, entry, log } = this.options;
    mkdirSync(this.workDir, { recursive: true });
    const killed = killOrphans(dir, entry, {
      list: readdirSync,
      read: (path) => readFileSync(path, 'utf8'),
      remove: (path) => rmSync(path, { force: true }),
      kill: (pid) => process.kill(pid, 'SIGKILL'),
    });
    if (killed > 0) log.warn('engine.orphans.killed', { count: killed });
    this.ensureSpare();
    let lastMs = clock.monotonicMs();
    this.stopWatching = clock.every(PING_MS, () => {
      const nowMs = clock.monotonicMs();
      for (const engine of this.engines.values()) this.watch(engine, nowMs - lastMs);
      lastMs = nowMs;
    });
  }

  /**
   * Settles when the engine takes loads; rejects with ENGINE_FAILED when it ends before. `need` is met by the first that has room, other than the one
   * where the replica lives already.
   */
  async place(need: EngineNeed, resident: Resident, home?: PooledEngine): Promise<PooledEngine> {
    const rooms = [...this.engines.values()].filter((engine) => engine !== this.spare && engine !== home);
    const chosen = chooseEngine(
      rooms.map((engine) => engine.room),
      need,
    );
    const engine = (chosen === undefined ? undefined : this.engines.get(chosen)) ?? this.takeSpare(need);
    engine.take(resident);
    // Starting the next one takes a third of a second of a core, which this load would feel.
    this.options.clock.after(SPARE_AFTER_MS, () => this.ensureSpare());
    await engine.started;
    return engine;
  }

  /** The replica has left it, or never came. An engine without replicas ends, at once or when there is a spare: that alone gives its memory back. */
  release(engine: PooledEngine, number: number): void {
    engine.leave(number);
    if (this.isIdle(engine)) void this.end(engine);
  }

  /** Those to replace, and why; asked every few seconds. */
  toRecycle(): { engine: PooledEngine; why: string }[] {
    return [...this.engines.values()].flatMap((engine) => {
      const why = engine === this.spare ? undefined : whyRecycle(engine.memory, this.options.rssBytesMax);
      return why === undefined || !engine.room.open ? [] : [{ engine, why }];
    });
  }

  /** By process id; all that hold replicas when none is given. */
  find(pid?: number): PooledEngine[] {
    return [...this.engines.values()].filter(
      (engine) => engine !== this.spare && (pid === undefined || engine.pid === pid),
    );
  }

  report(): EngineReport[] {
    return [...this.engines.values()].map((engine) => engine.report(engine === this.spare));
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.stopWatching();
    await Promise.all([...this.engines.values()].map((engine) => this.end(engine)));
  }

  /** While the spare is still starting, a third of a second or several on busy cores, an empty engine is where the next load need not wait for it. */
  private isIdle(engine: PooledEngine): boolean {
    const { open, replicas, group } = engine.room;
    if (replicas > 0 || !engine.alive) return false;
    const stands = open && group !== undefined && !engine.forTheMany;
    return !stands || this.stopping || this.spare?.hasStarted === true;
  }

  private endIdle(): void {
    for (const engine of this.engines.values())
      if (engine !== this.spare && !engine.expectedEnd && this.isIdle(engine)) void this.end(engine);
  }

  private get workDir(): string {
    return join(this.options.dir, 'empty');
  }

  private takeSpare(need: EngineNeed): PooledEngine {
    const engine = this.spare ?? this.fork();
    this.spare = undefined;
    engine.group = need.kind === 'own' ? undefined : need.group;
    return engine;
  }

  private ensureSpare(): void {
    if (this.stopping || this.spare !== undefined) return;
    this.spare = this.fork();
  }

  private fork(): PooledEngine {
    const { shard, dir, ...shared } = this.options;
    const id = ++this.lastId;
    const name = `${shard}.engine-${id}`;
    const notePath = join(dir, `${process.pid}-${id}.note`);
    const engine = new PooledEngine(
      id,
      { ...shared, name, workDir: this.workDir, notePath },
      {
        warming: (replica) => this.events.warming(replica),
        ended: (why) => this.ended(engine, why),
      },
    );
    this.engines.set(id, engine);
    void engine.started.then(
      () => {
        this.failedStarts = 0;
        this.endIdle();
        this.events.changed();
      },
      () => this.failedStarts++,
    );
    return engine;
  }

  private watch(engine: PooledEngine, elapsedMs: number): void {
    const stuck = engine.look(elapsedMs);
    if (stuck === undefined) return;
    this.options.log.error('engine.stuck', { engine: engine.name, pid: engine.pid, ...stuck });
    engine.kill('stuck');
  }

  private ended(engine: PooledEngine, why: string): void {
    this.engines.delete(engine.id);
    const wasSpare = this.spare === engine;
    if (wasSpare) this.spare = undefined;
    const { log, clock, random } = this.options;
    if (!engine.expectedEnd) log.error('engine.lost', { engine: engine.name, pid: engine.pid, why });
    const numbers = engine.numbers();
    if (numbers.length > 0) this.events.lost(numbers, engine.culprit(), why);
    this.events.changed();
    // A library that does not even load would be forked without end.
    const waitMs = this.failedStarts === 0 ? 0 : backoffMs(this.failedStarts, RESTART_BACKOFF, random);
    if (waitMs === 0) this.ensureSpare();
    else clock.after(waitMs, () => this.ensureSpare());
  }

  /** An engine in a run hears nothing: it does not get more time than it needs to drain. */
  private async end(engine: PooledEngine): Promise<void> {
    const cancel = this.options.clock.after(DRAIN_MS + 500, () => engine.handle.kill());
    await engine.stop(DRAIN_MS);
    cancel();
  }
}
