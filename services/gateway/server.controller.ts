// What the protocol says of the server itself: metadata, health and the index of the repository.
import { Controller, Get, HttpCode, Inject, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import type { Bus } from '../mesh/bus.js';
import { BUS } from '../mesh/tokens.js';
import { VERSION } from '../mesh/version.js';
import { readBody } from './body-reader.js';
import { Directory } from './directory.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { bodyEncoding } from './media.js';
import { EXTENSIONS, type IndexEntry } from './metadata.js';

const IndexRequest = z.object({ ready: z.boolean().default(false) });
const INDEX_REQUEST_BYTES_MAX = 4_096;

@Controller('v2')
@UseFilters(HttpFailureFilter)
export class ServerController {
  constructor(
    @Inject(Directory) private readonly directory: Directory,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Get()
  metadata(): { name: string; version: string; extensions: readonly string[] } {
    return { name: 'massif', version: VERSION, extensions: EXTENSIONS };
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

  @Post('repository/index')
  @HttpCode(200)
  async index(@Req() request: FastifyRequest): Promise<IndexEntry[]> {
    const { ready } = await readIndexRequest(request);
    return this.directory.index(ready);
  }
}

async function readIndexRequest(request: FastifyRequest): Promise<z.infer<typeof IndexRequest>> {
  const body = await readBody(request.raw, {
    encoding: bodyEncoding(request.headers['content-type'], request.headers['content-encoding']),
    limitBytes: INDEX_REQUEST_BYTES_MAX,
    declaredBytes: undefined,
  });
  if (body.length === 0) return { ready: false };
  try {
    return IndexRequest.parse(JSON.parse(body.toString()));
  } catch (error) {
    throw failure('BAD_REQUEST', 'The index takes {"ready": true}, {"ready": false} or no body.', {}, error);
  }
}
