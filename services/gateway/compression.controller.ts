// Jobs of the compressor over REST: submit, list, show, cancel, report. Bodies and answers are those of contracts/compressor.ts; data sets
// are uploaded as for training.
import { Controller, Get, HttpCode, Inject, Param, Post, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CompressReport } from '../../contracts/compress-report.js';
import {
  CompressJobsReply,
  type CompressRecord,
  CompressReply,
  CompressReportReply,
  CompressRequest,
} from '../../contracts/compressor.js';
import { failure } from '../../contracts/errors.js';
import { JobId } from '../../contracts/job.js';
import { type CompressorVerb, subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import { BUS } from '../mesh/tokens.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { termsOf } from './job-tenant.js';
import { readJsonRequest } from './json-request.js';

const SHOWN =
  '{"job": {"model": ..., "how": {"kind": "recipe", "recipe": {"steps": [{"kind": "dynamic"}]}}}}';
const JOB_BYTES_MAX = 1_048_576;
const TIMEOUT_MS = 15_000;

@Controller('v2/compress')
@UseFilters(HttpFailureFilter)
export class CompressionController {
  constructor(@Inject(BUS) private readonly bus: Bus) {}

  @Post('jobs')
  @HttpCode(201)
  async submit(@Req() request: FastifyRequest): Promise<CompressRecord> {
    const asked = await readJsonRequest(request, z.record(z.string(), z.unknown()), SHOWN, JOB_BYTES_MAX);
    const read = CompressRequest.safeParse(asked);
    if (read.success) {
      const terms = termsOf(request, read.data.terms);
      return (await this.ask('submit', CompressReply, { ...read.data, ...terms })).record;
    }
    const [issue] = read.error.issues;
    throw failure(
      'BAD_REQUEST',
      `This is no compression job (${issue?.path.join('.')}: ${issue?.message}). Send ${SHOWN}.`,
      {},
      read.error,
    );
  }

  @Get('jobs')
  jobs(): Promise<CompressJobsReply> {
    return this.ask('jobs', CompressJobsReply, {});
  }

  @Get('jobs/:id')
  async show(@Param('id') id: string): Promise<CompressRecord> {
    return (await this.ask('show', CompressReply, queryOf(id))).record;
  }

  @Post('jobs/:id/cancel')
  @HttpCode(200)
  async cancel(@Param('id') id: string): Promise<CompressRecord> {
    return (await this.ask('cancel', CompressReply, queryOf(id))).record;
  }

  @Get('jobs/:id/report')
  async report(@Param('id') id: string): Promise<CompressReport> {
    return (await this.ask('report', CompressReportReply, queryOf(id))).report;
  }

  private ask<T>(verb: CompressorVerb, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return this.bus.request(subjects.compressor(verb), schema, body, { timeoutMs: TIMEOUT_MS });
  }
}

function queryOf(id: string): { id: string } {
  if (JobId.safeParse(id).success) return { id };
  throw failure('NOT_FOUND', 'No job can have such an id: GET /v2/compress/jobs lists them.');
}
