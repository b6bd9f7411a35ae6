// A pool of processes on this machine: shard hosts, and trainers and compressors with one job each. Each node is a process of ours. It lives as long as we do (the channel between us is its
// lease: when we are gone it drains and ends).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { errorFields, type Log } from '../../mesh/log.js';
import type { Clock } from '../../mesh/clock.js';
import { stepBack } from '../../mesh/step-back.js';
import type { ComputePool, NodeJob, PoolNode, PoolShape } from './compute-pool.js';
import { nodeEnv, type NodePlace, programOf } from './node-env.js';

export interface ProcessPoolParts {
  readonly shape: Omit<PoolShape, 'kind' | 'region' | 'takesJobs'>;
  /** Threads of one run and memory of one engine are what a node may take of the machine. */
  readonly place: NodePlace;
  readonly niceness: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Its own drain takes up to four seconds. */
const END_MS_MAX = 8_000;

export class ProcessPool implements ComputePool {
  readonly shape: PoolShape;
  private readonly children = new Map<string, ChildProcess>();

  constructor(private readonly parts: ProcessPoolParts) {
    const { shape, place } = parts;
    this.shape = { ...shape, kind: 'process', region: place.mesh.region, takesJobs: true };
  }

  nodes(): Promise<readonly PoolNode[]> {
    return Promise.resolve([...this.children.keys()].map((name) => ({ name, state: 'there' as const })));
  }

  grow(name: string, job?: NodeJob): Promise<void> {
    if (!this.children.has(name)) this.start(name, job);
    return Promise.resolve();
  }

  async release(name: string): Promise<void> {
    const child = this.children.get(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const late = new AbortController();
    const patience = this.parts.clock.sleep(END_MS_MAX, late.signal).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    );
    await ended;
    late.abort();
    await patience;
  }

  async close(): Promise<void> {
    await Promise.all([...this.children.keys()].map((name) => this.release(name)));
  }

  private start(name: string, job: NodeJob | undefined): void {
    const { place, niceness, log } = this.parts;
    const dir = join(place.mesh.dataDir, 'pool', name);
    mkdirSync(dir, { recursive: true });
    const output = openSync(join(dir, job === undefined ? 'shard.log' : 'job.log'), 'a');
    const child = spawn(process.execPath, [programOf(place, job)], {
      env: { ...this.inherited(), ...nodeEnv(place, name, dir, job) },
      stdio: ['ignore', output, output, 'ipc'],
      // What serves is weighed by itself, not as a part of us, who step back for it.
      detached: job === undefined,
    });
    closeSync(output);
    this.children.set(name, child);
    child.once('error', (error) => {
      log.warn('pool.node.failed', { node: name, ...errorFields(error) });
      this.children.delete(name);
    });
    child.once('exit', (code, signal) => {
      log.info('pool.node.ended', { node: name, code, signal });
      this.children.delete(name);
    });
    // What is served by the shards that were here before comes first.
    if (child.pid === undefined || niceness === 0) return;
    setPriority(child.pid, niceness);
    stepBack(niceness, child.pid);
  }

  /** Ports and roles of ours are not a node's. */
  private inherited(): NodeJS.ProcessEnv {
    // oxlint-disable-next-line node/no-process-env -- a child needs PATH and the like
    return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('MASSIF_')));
  }
}
