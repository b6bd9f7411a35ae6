// What the protocol says of the server itself: metadata and health.
import { Controller, Get, Inject, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { headers } from '../../contracts/headers.js';
import type { Bus } from '../mesh/bus.js';
import { BUS } from '../mesh/tokens.js';
import { VERSION } from '../mesh/version.js';
import { EXTENSIONS } from './gateway.tokens.js';
import { HttpFailureFilter } from './http-failure.filter.js';

@Controller('v2')
@UseFilters(HttpFailureFilter)
export class ServerController {
  constructor(
    @Inject(EXTENSIONS) private readonly extensions: readonly string[],
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Get()
  metadata(): { name: string; version: string; extensions: readonly string[] } {
    return { name: 'massif', version: VERSION, extensions: this.extensions };
  }

  @Get('health/live')
  live(): { live: boolean } {
    return { live: true };
  }

  /** Ready to take requests; whether a model is, its own address says. */
  @Get('health/ready')
  ready(@Res({ passthrough: true }) reply: FastifyReply): { ready: boolean } {
    const ready = this.bus.connected();
    if (!ready) reply.code(503).header(headers.retryAfter, '1');
    return { ready };
  }
}
