// A pool of Slurm jobs: supercomputers and GPU clusters. Each node is a Slurm job with one shard host, or with one job of the trainer or the
// compressor. The job's time limit is its lease: the
// keeper's looking prolongs it, and where the cluster does not allow that, another job takes its place before the time is up.
import { join } from 'node:path';
import { failure } from '../../../contracts/errors.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import { type ComputePool, isNodeOf, type NodeJob, type PoolNode, type PoolShape } from './compute-pool.js';
import { nodeEnv, type NodePlace, programOf } from './node-env.js';
import { leaseOf, nodeOf, warnS } from './slurm-lease.js';
import { nodeScript } from './slurm-script.js';
import * as slurm from './slurm-commands.js';

export interface SlurmPoolParts {
  readonly shape: Omit<PoolShape, 'kind' | 'region' | 'takesJobs'>;
  readonly place: NodePlace;
  /** Node's binary, as the cluster's machines see it. */
  readonly node: string;
  readonly memoryMib: number;
  /** `gpu:a100:1`, or whatever the cluster has; absent: no devices. */
  readonly gres?: string;
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  readonly leaseMinutes: number;
  /** What a job needs of our environment besides: PATH and the like. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The keeper looks twice a second; a cluster's controller is not asked as often. */
const LISTED_FOR_MS = 2_000;
const RESTARTS_MAX = 5;
/** Its own drain takes up to four seconds. */
const END_MS_MAX = 15_000;
const LOOK_EVERY_MS = 500;

export class SlurmPool implements ComputePool {
  readonly shape: PoolShape;
  private listed: { readonly jobs: readonly slurm.SlurmJob[]; readonly atMs: number } | undefined;
  private toLeave: ReadonlySet<string> = new Set();
  private readonly notProlonged = new Set<string>();

  constructor(private readonly parts: SlurmPoolParts) {
    const { shape, place } = parts;
    this.shape = { ...shape, kind: 'slurm', region: place.mesh.region, takesJobs: true };
  }

  async nodes(): Promise<readonly PoolNode[]> {
    const { leaseMinutes } = this.parts;
    const jobs = await this.jobs();
    return jobs.map((job) => nodeOf(job, this.toLeave, leaseMinutes));
  }

  async grow(name: string, forJob?: NodeJob): Promise<void> {
    const { place, node, memoryMib, leaseMinutes, env, log } = this.parts;
    const { gres, partition, account, qos } = this.parts;
    const { mesh, threads } = place;
    const { nodesMax } = this.shape;
    this.listed = undefined;
    const there = await this.jobs();
    if (there.some((job) => job.name === name)) return;
    if (there.length >= nodesMax)
      throw failure('UNAVAILABLE', `The pool on Slurm has its ${nodesMax} jobs already.`);
    const script = nodeScript({
      node,
      entry: programOf(place, forJob),
      restartsMax: RESTARTS_MAX,
      env: { ...env, ...nodeEnv(place, name, join(mesh.dataDir, 'pool', name), forJob) },
    });
    const job = await slurm.submit(script, [
      `--job-name=${name}`,
      '--nodes=1',
      '--ntasks=1',
      `--cpus-per-task=${threads}`,
      `--mem=${memoryMib}M`,
      `--time=${leaseMinutes}`,
      `--signal=B:TERM@${warnS(leaseMinutes)}`,
      '--requeue',
      '--open-mode=append',
      `--output=${join(mesh.dataDir, `${name}.log`)}`,
      ...(gres ? [`--gres=${gres}`] : []),
      ...(partition ? [`--partition=${partition}`] : []),
      ...(account ? [`--account=${account}`] : []),
      ...(qos ? [`--qos=${qos}`] : []),
    ]);
    log.info('pool.slurm.submitted', { node: name, job });
    this.listed = undefined;
  }

  async release(name: string): Promise<void> {
    const { clock } = this.parts;
    const find = async (): Promise<slurm.SlurmJob | undefined> => {
      this.listed = undefined;
      return (await this.jobs()).find((job) => job.name === name);
    };
    const job = await find();
    if (!job) return;
    const untilMs = clock.monotonicMs() + END_MS_MAX;
    if (job.state === 'RUNNING') {
      await slurm.askToEnd(job.id);
      while (clock.monotonicMs() < untilMs) {
        await clock.sleep(LOOK_EVERY_MS);
        if (!(await find())) return;
      }
    }
    // What waits in the queue, or did not end when it was asked. One that is gone by now is no news.
    await slurm.cancel(job.id).catch(async (error: unknown) => {
      if (await find()) throw error;
    });
    this.listed = undefined;
  }

  /** Nothing is ended: the next leader finds the jobs in the queue, and without one their time runs out. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  private async jobs(): Promise<readonly slurm.SlurmJob[]> {
    const { clock } = this.parts;
    const nowMs = clock.monotonicMs();
    if (this.listed && nowMs - this.listed.atMs < LISTED_FOR_MS) return this.listed.jobs;
    try {
      const [all, toLeave] = await Promise.all([slurm.jobs(), slurm.machinesToLeave()]);
      const jobs = all.filter(({ name, state }) => isNodeOf(this.shape, name) && state !== 'COMPLETING');
      this.toLeave = toLeave;
      this.listed = { jobs, atMs: nowMs };
      await this.prolong(jobs);
      return jobs;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw failure('UNAVAILABLE', `Slurm does not answer: ${why}`, {}, error);
    }
  }

  private async prolong(jobs: readonly slurm.SlurmJob[]): Promise<void> {
    const { leaseMinutes, log } = this.parts;
    for (const job of jobs) {
      const minutes = leaseOf(job, this.toLeave, leaseMinutes);
      if (minutes === undefined || this.notProlonged.has(job.id)) continue;
      try {
        await slurm.setTimeLimit(job.id, minutes);
        log.info('pool.slurm.prolonged', { node: job.name, job: job.id, minutes });
      } catch (error) {
        // Another will take its place before its time is up.
        this.notProlonged.add(job.id);
        log.warn('pool.slurm.not-prolonged', { node: job.name, job: job.id, ...errorFields(error) });
      }
    }
    for (const id of this.notProlonged) if (!jobs.some((job) => job.id === id)) this.notProlonged.delete(id);
  }
}
