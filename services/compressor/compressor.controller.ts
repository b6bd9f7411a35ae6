// The compressor's subjects, one call each. Any compressor answers; the work itself comes from the queue.
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  type CompressJobsReply,
  type CompressRecord,
  type CompressReply,
  type CompressReportReply,
  CompressRequest,
} from '../../contracts/compressor.js';
import { JobQuery } from '../../contracts/job.js';
import { queues, subjects } from '../../contracts/subjects.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import type { JobStore } from '../mesh/jobs/job-store.js';
import type { CompressionObjects } from './compression.js';
import { Compressor } from './compressor.js';
import { COMPRESSOR_OBJECTS, COMPRESSOR_STORE } from './compressor.tokens.js';

const shared: BusExtras = { queue: queues.compressor };

@Controller()
export class CompressorController {
  constructor(
    @Inject(Compressor) private readonly compressor: Compressor,
    @Inject(COMPRESSOR_STORE) private readonly store: JobStore<CompressRecord>,
    @Inject(COMPRESSOR_OBJECTS) private readonly objects: CompressionObjects,
  ) {}

  @MessagePattern(subjects.compressor('submit'), shared)
  async submit(@Payload({ schema: CompressRequest }) request: CompressRequest): Promise<CompressReply> {
    return { record: await this.compressor.submit(request) };
  }

  @MessagePattern(subjects.compressor('jobs'), shared)
  jobs(): Promise<CompressJobsReply> {
    return this.compressor.jobs();
  }

  @MessagePattern(subjects.compressor('show'), shared)
  async show(@Payload({ schema: JobQuery }) { id }: JobQuery): Promise<CompressReply> {
    return { record: await this.store.read(id) };
  }

  @MessagePattern(subjects.compressor('cancel'), shared)
  async cancel(@Payload({ schema: JobQuery }) { id }: JobQuery): Promise<CompressReply> {
    return { record: await this.compressor.cancel(id) };
  }

  @MessagePattern(subjects.compressor('report'), shared)
  async report(@Payload({ schema: JobQuery }) { id }: JobQuery): Promise<CompressReportReply> {
    return { report: await this.objects.report(id) };
  }
}
