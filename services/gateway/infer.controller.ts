// POST .../infer: the Open Inference Protocol's one call that does work.
import { Controller, HttpCode, Inject, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpFailureFilter } from './http-failure.filter.js';
import { InferCalls, type ModelPath } from './infer-calls.js';

@Controller('v2/models/:model')
@UseFilters(HttpFailureFilter)
export class InferController {
  constructor(@Inject(InferCalls) private readonly calls: InferCalls) {}

  @Post(['infer', 'versions/:version/infer'])
  @HttpCode(200)
  infer(@Param() path: ModelPath, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.calls.serve(path, request, reply);
  }
}
