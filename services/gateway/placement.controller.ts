// Placement plans over REST: the registry's answer, asked over the bus.
import { Controller, HttpCode, Inject, Post, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { PlansReply } from '../../contracts/placement.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import { BUS } from '../mesh/tokens.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { readJsonRequest } from './json-request.js';

// Three seconds for the solver, and as much for the plan before ours.
const TIMEOUT_MS = 10_000;
const BODY_BYTES_MAX = 2 * 1_048_576;

@Controller('v2/placement')
@UseFilters(HttpFailureFilter)
export class PlacementController {
  constructor(@Inject(BUS) private readonly bus: Bus) {}

  @Post('plans')
  @HttpCode(200)
  async plans(@Req() request: FastifyRequest): Promise<PlansReply> {
    const shown = '{"shards": [...], "links": [...], "endpoints": [...]}';
    const problem = await readJsonRequest(request, z.record(z.string(), z.unknown()), shown, BODY_BYTES_MAX);
    return this.bus.request(subjects.registry('plan'), PlansReply, problem, { timeoutMs: TIMEOUT_MS });
  }
}
