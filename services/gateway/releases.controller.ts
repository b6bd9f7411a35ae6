// Releases over REST: the registry's answers, asked over the bus. The gateway decides nothing of them.
import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  HistoryReply,
  HistoryRequest,
  PromoteOrder,
  ReleaseList,
  ReleaseOrder,
  ReleaseReply,
  ReleasesReply,
} from '../../contracts/release.js';
import { failure } from '../../contracts/errors.js';
import { type ReleaseVerb, subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import { BUS } from '../mesh/tokens.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { readJsonRequest } from './json-request.js';

const TIMEOUT_MS = 10_000;
const Apply = z.object({ spec: z.unknown(), by: z.string().min(1).max(200) });
const Order = ReleaseOrder.omit({ id: true });
const Promote = PromoteOrder.omit({ id: true });

@Controller('v2/releases')
@UseFilters(HttpFailureFilter)
export class ReleasesController {
  constructor(@Inject(BUS) private readonly bus: Bus) {}

  @Get()
  list(@Query() query: Record<string, string>): Promise<ReleasesReply> {
    const { endpoint, active } = query;
    const parsed = ReleaseList.safeParse({
      ...(endpoint !== undefined && { endpoint }),
      active: active === 'true',
    });
    if (!parsed.success) throw failure('BAD_REQUEST', 'The query knows endpoint=NAME and active=true.');
    return this.ask('list', ReleasesReply, parsed.data);
  }

  @Post()
  @HttpCode(201)
  async apply(@Req() request: FastifyRequest): Promise<ReleaseReply> {
    return this.ask(
      'apply',
      ReleaseReply,
      await readJsonRequest(request, Apply, '{"spec": {...}, "by": "you"}'),
    );
  }

  @Get(':id')
  show(@Param('id') id: string): Promise<ReleaseReply> {
    return this.ask('show', ReleaseReply, { id });
  }

  @Get(':id/history')
  history(@Param('id') id: string, @Query('afterSeq') afterSeq?: string): Promise<HistoryReply> {
    const parsed = HistoryRequest.safeParse({ id, afterSeq: Number(afterSeq ?? 0) });
    if (!parsed.success)
      throw failure('BAD_REQUEST', 'afterSeq is the number of the last entry that you have.');
    return this.ask('history', HistoryReply, parsed.data);
  }

  @Post(':id/:order')
  @HttpCode(200)
  async order(
    @Param('id') id: string,
    @Param('order') order: string,
    @Req() request: FastifyRequest,
  ): Promise<ReleaseReply> {
    if (order !== 'pause' && order !== 'resume' && order !== 'promote' && order !== 'abort')
      throw failure('NOT_FOUND', 'A release takes the orders pause, resume, promote and abort.');
    const asked =
      order === 'promote'
        ? await readJsonRequest(request, Promote, '{"by": "you", "why": "...", "arm": "b"}')
        : await readJsonRequest(request, Order, '{"by": "you", "why": "..."}');
    return this.ask(order, ReleaseReply, { id, ...asked });
  }

  private ask<T>(verb: ReleaseVerb, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return this.bus.request(subjects.release(verb), schema, body, { timeoutMs: TIMEOUT_MS });
  }
}
