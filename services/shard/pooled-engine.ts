// One engine of the pool: its process, who lives in it, its memory and its silence.
import { setPriority } from 'node:os';
import type { EngineReport } from '../../contracts/heartbeat.js';
import { leaveACore } from '../mesh/leave-a-core.js';
import { type EngineRoom, isCrowded } from './engine-choice.js';
import { EngineHandle, type EngineEvents, type EngineOptions } from './engine-handle.js';
import { freshWatch, isStuck, look } from './engine-watch.js';
import type { EngineMemory } from './recycling.js';

export interface Resident {
  readonly number: number;
  readonly replica: string;
  readonly runLimitMs: number;
  readonly hot: boolean;
}

/** Of an engine that is crowded, as `nice` has it: its loads do not hold up those that are hot elsewhere. */
const CROWDED_NICENESS = 5;

/** From fork to the library being loaded; half a second on an idle machine. */
const START_LIMIT_MS = 30_000;
/** A session of a large model and its warm-up; mutated models have hung here for ever. */
const LOAD_LIMIT_MS = 60_000;
/** For runs of models that are gone meanwhile. */
const RUN_LIMIT_MS = 30_000;
/** A death by one of these is the library's or the model's doing. SIGKILL is not: it comes from outside. */
const CRASH_SIGNALS = new Set(['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP']);

export class PooledEngine {
  readonly handle: EngineHandle;
  group: string | undefined;
  private readonly residents = new Map<number, Resident & { rssBytes: number; hot: boolean }>();
  private stepsBack = false;
  private watch = freshWatch;
  private pings = 0;
  private open = true;
  private isStarted = false;
  private emptyBytes = 0;
  private unloads = 0;
  private ending: 'expected' | 'stuck' | undefined;
  private why = '';

  constructor(
    readonly id: number,
    options: EngineOptions,
    events: EngineEvents,
  ) {
    const ended = (why: string): void => {
      this.why = why;
      events.ended(why);
    };
    this.handle = new EngineHandle(options, { warming: events.warming, ended });
    void this.handle.started.then(
      () => (this.isStarted = true),
      () => undefined,
    );
  }

  get name(): string {
    return this.handle.options.name;
  }

  get pid(): number {
    return this.handle.pid;
  }

  get alive(): boolean {
    return this.handle.alive;
  }

  get hasStarted(): boolean {
    return this.isStarted;
  }

  get started(): Promise<void> {
    return this.handle.started;
  }

  get expectedEnd(): boolean {
    return this.ending === 'expected';
  }

  get room(): EngineRoom {
    const { id, group, open, alive } = this;
    const hot = [...this.residents.values()].filter((one) => one.hot).length;
    return {
      id,
      group,
      open: open && alive && this.ending === undefined,
      replicas: this.residents.size,
      hot,
    };
  }

  /** It was crowded once: nobody who is hot should be here. */
  get forTheMany(): boolean {
    return this.stepsBack;
  }

  get memory(): EngineMemory {
    const modelBytes = [...this.residents.values()].reduce((sum, { rssBytes }) => sum + rssBytes, 0);
    const { rssBytes } = this.handle;
    return { rssBytes, emptyBytes: this.emptyBytes, modelBytes, unloads: this.unloads };
  }

  numbers(): number[] {
    return [...this.residents.keys()];
  }

  take(resident: Resident): void {
    this.residents.set(resident.number, { ...resident, rssBytes: 0 });
    if (this.stepsBack || !isCrowded({ replicas: this.residents.size })) return;
    // For good: a process without privileges may lower its priority and never raise it again.
    this.stepsBack = true;
    leaveACore(this.pid);
    try {
      setPriority(this.pid, CROWDED_NICENESS);
    } catch {
      // It has just ended, and its end says so.
    }
  }

  heats(number: number, hot: boolean): void {
    const resident = this.residents.get(number);
    if (resident) resident.hot = hot;
  }

  loaded(number: number, rssBytes: number): void {
    const resident = this.residents.get(number);
    if (resident) resident.rssBytes = rssBytes;
  }

  leave(number: number): void {
    if (this.residents.delete(number)) this.unloads++;
  }

  /** Takes nobody in any more. */
  close(): void {
    this.open = false;
  }

  /** One look at its silence; what there is to say when it is stuck. */
  look(elapsedMs: number): { silentMs: number; limitMs: number; replica: string | undefined } | undefined {
    this.watch = look(this.watch, this.handle.pongs, elapsedMs);
    // One unanswered ping at a time, or a long run would find a hundred of them in its pipe.
    if (this.pings === this.handle.pongs) {
      this.pings++;
      this.handle.ping();
    }
    if (this.emptyBytes === 0 && this.residents.size === 0) this.emptyBytes = this.handle.rssBytes;
    if (this.watch.silentMs === 0 || this.ending === 'stuck') return undefined;
    const last = this.residents.get(this.handle.lastRun() ?? -1);
    const limitMs = this.limitMs(last);
    if (!isStuck(this.watch, limitMs)) return undefined;
    return { silentMs: this.watch.silentMs, limitMs, replica: last?.replica };
  }

  kill(why: 'stuck'): void {
    this.ending = why;
    this.handle.kill();
  }

  /** An order of safety against one who lives here: whatever it runs, it ends now. */
  execute(): void {
    this.handle.kill();
  }

  async stop(drainMs: number): Promise<void> {
    this.ending ??= 'expected';
    this.open = false;
    await this.handle.stop(drainMs);
  }

  /** The replica that brought it down; undefined when it was killed from outside or nobody was running. */
  culprit(): number | undefined {
    if (this.ending !== 'stuck' && !CRASH_SIGNALS.has(this.why)) return undefined;
    const last = this.handle.lastRun();
    return last !== undefined && this.residents.has(last) ? last : undefined;
  }

  report(spare: boolean): EngineReport {
    const { pid, isStarted, ending } = this;
    const state = ending ? 'stopping' : !isStarted ? 'starting' : spare ? 'spare' : 'ready';
    const replicas = [...this.residents.values()].map(({ replica }) => replica);
    return { pid, state, rssBytes: this.handle.rssBytes, replicas };
  }

  private limitMs(last: Resident | undefined): number {
    if (!this.isStarted) return START_LIMIT_MS;
    const runLimitMs = last?.runLimitMs ?? RUN_LIMIT_MS;
    return this.handle.busy ? Math.max(LOAD_LIMIT_MS, runLimitMs) : runLimitMs;
  }
}
