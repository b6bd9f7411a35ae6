// Training jobs on a drill's mesh: submitted over the bus, followed by their records, compared by the bytes that came of them.
import { isOpen } from '../contracts/job.js';
import { subjects } from '../contracts/subjects.js';
import { JobReply, type JobRecord, ReportReply, type SubmitRequest } from '../contracts/trainer.js';
import type { z } from 'zod';
import { type Bus, connectBus } from '../services/mesh/bus.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';
import { recipeJob } from '../services/trainer/recipes.js';
import type { DrillMesh } from './harness.js';

const ASK = { timeoutMs: 10_000 };

export class Trainings implements AsyncDisposable {
  private constructor(
    readonly bus: Bus,
    private readonly limitMs: number,
  ) {}

  static async on(mesh: DrillMesh, limitMs: number): Promise<Trainings> {
    const [region] = mesh.regions;
    const key = mesh.key('operator');
    const url = region?.natsUrl ?? '';
    const where = { url, name: 'trainings', region: region?.name ?? '' };
    return new Trainings(await connectBus({ ...where, ...(key && { key }) }), limitMs);
  }

  /** Twenty-odd steps an epoch, a millisecond or so each, and a checkpoint every two seconds. */
  async submit(model: string, tenant: string, epochs: number): Promise<JobRecord> {
    const job = {
      ...recipeJob('iris'),
      model,
      network: { kind: 'mlp' as const, hidden: [64, 64] },
      training: { epochs, batch: 4, rate: 0.0005, patience: epochs, checkpointMs: CHECKPOINT_MS },
      publish: false,
    };
    const request: z.input<typeof SubmitRequest> = { job, terms: { tenant, priority: 3 } };
    return (await this.bus.request(subjects.trainer('submit'), JobReply, request, ASK)).record;
  }

  async until(id: string, what: string, holds: (record: JobRecord) => boolean): Promise<JobRecord> {
    const ask = async (): Promise<JobRecord | undefined> => {
      const { record } = await this.bus.request(subjects.trainer('show'), JobReply, { id }, ASK);
      return holds(record) || !isOpen(record) ? record : undefined;
    };
    const record = await waitUntil(`the job ${what}`, ask, this.limitMs);
    // What has ended will not come to hold any more.
    if (!holds(record)) throw new Error(`${what}: it ended before, as ${JSON.stringify(record)}`);
    return record;
  }

  /** SHA-256 of the model. */
  async digest(id: string): Promise<string> {
    return (await this.bus.request(subjects.trainer('report'), ReportReply, { id }, ASK)).report.modelDigest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus.drain();
  }
}

const CHECKPOINT_MS = 2_000;
