// The repository extension of the protocol: what there is, and what is to be served.
import { Controller, HttpCode, Inject, Param, Post, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AccessLog } from './access-log.js';
import { Directory } from './directory.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { readJsonRequest } from './json-request.js';
import type { IndexEntry } from './metadata.js';
import { type ControlParameters, ModelControl } from './model-control.js';

const IndexRequest = z.object({ ready: z.boolean().default(false) });
const ControlRequest = z.object({ parameters: z.record(z.string(), z.unknown()).default({}) });
// A model sent along is refused with the reason, not with its size.
const CONTROL_BYTES_MAX = 8 * 1_048_576;

@Controller('v2/repository')
@UseFilters(HttpFailureFilter)
export class RepositoryController {
  constructor(
    @Inject(Directory) private readonly directory: Directory,
    @Inject(ModelControl) private readonly control: ModelControl,
    @Inject(AccessLog) private readonly access: AccessLog,
  ) {}

  @Post('index')
  @HttpCode(200)
  async index(@Req() request: FastifyRequest): Promise<IndexEntry[]> {
    const { ready } = await readJsonRequest(request, IndexRequest, '{"ready": true}, {"ready": false}');
    return this.directory.index(ready);
  }

  @Post('models/:model/load')
  @HttpCode(200)
  async load(@Param('model') model: string, @Req() request: FastifyRequest): Promise<void> {
    await this.control.load(model, await parametersOf(request), this.access.of(request).gone);
  }

  @Post('models/:model/unload')
  @HttpCode(200)
  async unload(@Param('model') model: string, @Req() request: FastifyRequest): Promise<void> {
    await this.control.unload(model, await parametersOf(request), this.access.of(request).gone);
  }
}

async function parametersOf(request: FastifyRequest): Promise<ControlParameters> {
  const { parameters } = await readJsonRequest(
    request,
    ControlRequest,
    '{"parameters": {...}}',
    CONTROL_BYTES_MAX,
  );
  return parameters;
}
