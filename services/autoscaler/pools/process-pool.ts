// A pool of shard hosts on this machine: each node is a process of ours. It lives as long as we do (the channel between us is its
// lease: when we are gone it drains and ends).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { errorFields, type Log } from '../../mesh/log.js';
import { credentialsFor } from '../../mesh/credentials.js';
import type { MeshConfig } from '../../mesh/service-config.js';
import type { Clock } from '../../mesh/clock.js';
import type { ComputePool, PoolNode, PoolShape } from './compute-pool.js';

export interface ProcessPoolParts {
  readonly mesh: Omit<MeshConfig, 'restPort' | 'restHost'>;
  /** The program of a shard host. */
  readonly entry: string;
  readonly nodesMax: number;
  /** Threads of one run and memory of one engine: what a node may take of the machine. */
  readonly threads: number;
  readonly engineMib: number;
  readonly niceness: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Its own drain takes up to four seconds. */
const END_MS_MAX = 8_000;
const MIB = 1_048_576;

export class ProcessPool implements ComputePool {
  readonly shape: PoolShape;
  private readonly children = new Map<string, ChildProcess>();

  constructor(private readonly parts: ProcessPoolParts) {
    const { mesh, nodesMax, engineMib } = parts;
    const device = { kind: 'cpu', memoryBytes: engineMib * MIB };
    this.shape = { name: 'process', kind: 'process', region: mesh.region, device, nodesMax };
  }

  nodes(): Promise<readonly PoolNode[]> {
    return Promise.resolve([...this.children.keys()].map((name) => ({ name, state: 'there' as const })));
  }

  grow(name: string): Promise<void> {
    if (!this.children.has(name)) this.start(name);
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

  private start(name: string): void {
    const { mesh, entry, threads, engineMib, niceness, log } = this.parts;
    const dir = join(mesh.dataDir, 'pool', name);
    mkdirSync(dir, { recursive: true });
    const output = openSync(join(dir, 'shard.log'), 'a');
    const child = spawn(process.execPath, [entry], {
      env: {
        ...this.inherited(),
        MASSIF_NAME: name,
        MASSIF_REGION: mesh.region,
        MASSIF_HOME_REGION: mesh.homeRegion,
        MASSIF_REGIONS: mesh.regions.join(','),
        MASSIF_NATS_URL: mesh.natsUrl,
        MASSIF_CONSUL_URL: mesh.consulUrl,
        ...credentialsFor(mesh, 'shard'),
        MASSIF_KEYS: mesh.keysDir,
        MASSIF_DATA: dir,
        MASSIF_SHARD_ENGINE_THREADS: String(threads),
        MASSIF_SHARD_ENGINE_MIB_MAX: String(engineMib),
      },
      stdio: ['ignore', output, output, 'ipc'],
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
    if (child.pid !== undefined && niceness > 0) setPriority(child.pid, niceness);
  }

  /** Ports and roles of ours are not a shard's. */
  private inherited(): NodeJS.ProcessEnv {
    // oxlint-disable-next-line node/no-process-env -- a child needs PATH and the like
    return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('MASSIF_')));
  }
}
