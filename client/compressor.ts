// The conversation with the compressor: jobs submitted, followed, cancelled. The command `compress` uses it; data go up as they do for
// training.
import type { z } from 'zod';
import type { CompressReport } from '../contracts/compress-report.js';
import {
  CompressJobsReply,
  type CompressRecord,
  CompressReply,
  CompressReportReply,
  type CompressRequest,
} from '../contracts/compressor.js';
import { type CompressorVerb, subjects } from '../contracts/subjects.js';
import type { Connections } from './connections.js';

const TIMEOUT_MS = 15_000;

export class CompressorClient {
  constructor(private readonly connections: Connections) {}

  async submit(request: z.input<typeof CompressRequest>): Promise<CompressRecord> {
    return (await this.ask('submit', CompressReply, request)).record;
  }

  jobs(): Promise<CompressJobsReply> {
    return this.ask('jobs', CompressJobsReply, {});
  }

  async show(id: string): Promise<CompressRecord> {
    return (await this.ask('show', CompressReply, { id })).record;
  }

  async cancel(id: string): Promise<CompressRecord> {
    return (await this.ask('cancel', CompressReply, { id })).record;
  }

  async report(id: string): Promise<CompressReport> {
    return (await this.ask('report', CompressReportReply, { id })).report;
  }

  private ask<T>(verb: CompressorVerb, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return this.connections.request(subjects.compressor(verb), schema, body, TIMEOUT_MS);
  }
}
