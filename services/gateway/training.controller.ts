// Jobs of the trainer over REST: submit, list, show, cancel, report, and the data sets that they learn from. Bodies and answers are
// those of contracts/trainer.ts.
import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { JobId } from '../../contracts/job.js';
import { JobTerms } from '../../contracts/job-terms.js';
import { type DataFile, TrainJob } from '../../contracts/train-job.js';
import type { TrainReport } from '../../contracts/train-report.js';
import {
  DatasetsReply,
  type JobRecord,
  JobReply,
  JobsReply,
  ReportReply,
  SubmitRequest,
} from '../../contracts/trainer.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { termsOf } from './job-tenant.js';
import { readJsonRequest } from './json-request.js';
import { TrainingJobs } from './training-jobs.js';

const SHOWN = '{"recipe": "iris"} or {"job": {"model": ..., "data": ..., "network": ...}}';
const Asked = z.record(z.string(), z.unknown());
const JOB_BYTES_MAX = 1_048_576;

@Controller('v2/train')
@UseFilters(HttpFailureFilter)
export class TrainingController {
  constructor(@Inject(TrainingJobs) private readonly training: TrainingJobs) {}

  @Post('jobs')
  @HttpCode(201)
  async submit(@Req() request: FastifyRequest): Promise<JobRecord> {
    const asked = await readJsonRequest(request, Asked, SHOWN, JOB_BYTES_MAX);
    const wanted = submitOf(asked);
    const terms = termsOf(request, wanted.terms);
    return (await this.training.ask('submit', JobReply, { ...wanted, ...terms })).record;
  }

  @Get('jobs')
  jobs(): Promise<JobsReply> {
    return this.training.ask('jobs', JobsReply, {});
  }

  @Get('jobs/:id')
  async show(@Param('id') id: string): Promise<JobRecord> {
    return (await this.training.ask('show', JobReply, queryOf(id))).record;
  }

  @Post('jobs/:id/cancel')
  @HttpCode(200)
  async cancel(@Param('id') id: string): Promise<JobRecord> {
    return (await this.training.ask('cancel', JobReply, queryOf(id))).record;
  }

  @Get('jobs/:id/report')
  async report(@Param('id') id: string): Promise<TrainReport> {
    return (await this.training.ask('report', ReportReply, queryOf(id))).report;
  }

  @Get('datasets')
  datasets(): Promise<DatasetsReply> {
    return this.training.ask('datasets', DatasetsReply, {});
  }

  @Post('datasets')
  @HttpCode(201)
  upload(@Query('name') name: string | undefined, @Req() request: FastifyRequest): Promise<DataFile> {
    return this.training.upload(name, request);
  }
}

/** The union of both forms would only say that neither fits; the field that is wrong is worth a sentence. */
function submitOf(asked: Readonly<Record<string, unknown>>): SubmitRequest {
  const found =
    'job' in asked
      ? z.object({ job: TrainJob, terms: JobTerms.optional() }).safeParse(asked)
      : SubmitRequest.safeParse(asked);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw failure(
    'BAD_REQUEST',
    `This is no training job (${where}${issue?.message}). Send ${SHOWN}.`,
    {},
    found.error,
  );
}

function queryOf(id: string): { id: string } {
  if (JobId.safeParse(id).success) return { id };
  throw failure('NOT_FOUND', 'No job can have such an id: GET /v2/train/jobs lists them.');
}
