// The trainer's subjects, one call each. Any trainer answers; the work itself comes from the queue.
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { queues, subjects } from '../../contracts/subjects.js';
import {
  DatasetsQuery,
  type DatasetsReply,
  JobQuery,
  type JobReply,
  type JobsReply,
  type ReportReply,
  SubmitRequest,
} from '../../contracts/trainer.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import { JobStore } from './job-store.js';
import { Trainer } from './trainer.js';
import { TrainingStore } from './training-store.js';

const shared: BusExtras = { queue: queues.trainer };

@Controller()
export class TrainerController {
  constructor(
    private readonly trainer: Trainer,
    private readonly store: JobStore,
    private readonly training: TrainingStore,
  ) {}

  @MessagePattern(subjects.trainer('submit'), shared)
  async submit(@Payload({ schema: SubmitRequest }) request: SubmitRequest): Promise<JobReply> {
    return { record: await this.trainer.submit(request) };
  }

  @MessagePattern(subjects.trainer('jobs'), shared)
  jobs(): Promise<JobsReply> {
    return this.trainer.jobs();
  }

  @MessagePattern(subjects.trainer('show'), shared)
  async show(@Payload({ schema: JobQuery }) { id }: JobQuery): Promise<JobReply> {
    return { record: await this.store.read(id) };
  }

  @MessagePattern(subjects.trainer('cancel'), shared)
  async cancel(@Payload({ schema: JobQuery }) { id }: JobQuery): Promise<JobReply> {
    return { record: await this.trainer.cancel(id) };
  }

  @MessagePattern(subjects.trainer('report'), shared)
  async report(@Payload({ schema: JobQuery }) { id }: JobQuery): Promise<ReportReply> {
    return { report: await this.training.report(id) };
  }

  @MessagePattern(subjects.trainer('datasets'), shared)
  async datasets(@Payload({ schema: DatasetsQuery }) { digest }: DatasetsQuery): Promise<DatasetsReply> {
    return { datasets: await this.training.datasets(digest) };
  }
}
