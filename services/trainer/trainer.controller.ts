// The trainer's subjects, one call each. Any trainer answers; the work itself comes from the queue.
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { JobQuery } from '../../contracts/job.js';
import { queues, subjects } from '../../contracts/subjects.js';
import {
  DatasetsQuery,
  type DatasetsReply,
  type JobReply,
  type JobsReply,
  type ReportReply,
  SubmitRequest,
} from '../../contracts/trainer.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import type { JobRecord } from '../../contracts/trainer.js';
import type { JobStore } from '../mesh/jobs/job-store.js';
import { Trainer } from './trainer.js';
import { TRAINER_OBJECTS, TRAINER_STORE } from './trainer.tokens.js';
import type { TrainingObjects } from './training.js';

const shared: BusExtras = { queue: queues.trainer };

@Controller()
export class TrainerController {
  constructor(
    @Inject(Trainer) private readonly trainer: Trainer,
    @Inject(TRAINER_STORE) private readonly store: JobStore<JobRecord>,
    @Inject(TRAINER_OBJECTS) private readonly training: TrainingObjects,
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
