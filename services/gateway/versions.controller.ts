// The life of a model's versions over REST: the registry's answer, asked over the bus.
import { Controller, Get, Inject, Param, Query, UseFilters } from '@nestjs/common';
import { failure } from '../../contracts/errors.js';
import { LifeReply, LifeRequest } from '../../contracts/lifecycle.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import { BUS } from '../mesh/tokens.js';
import { HttpFailureFilter } from './http-failure.filter.js';

const TIMEOUT_MS = 10_000;

@Controller('v2/versions')
@UseFilters(HttpFailureFilter)
export class VersionsController {
  constructor(@Inject(BUS) private readonly bus: Bus) {}

  @Get(':model/history')
  history(@Param('model') model: string, @Query('version') version?: string): Promise<LifeReply> {
    const request = LifeRequest.safeParse({ model, ...(version !== undefined && { version }) });
    if (!request.success)
      throw failure('BAD_REQUEST', 'The path names a model; version=LABEL chooses one of its versions.');
    return this.bus.request(subjects.registry('history'), LifeReply, request.data, { timeoutMs: TIMEOUT_MS });
  }
}
