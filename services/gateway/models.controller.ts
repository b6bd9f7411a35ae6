// What the protocol says of models: the list, their metadata, configuration and statistics, whether they are ready.
import { Controller, Get, Inject, Param, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { headers } from '../../contracts/headers.js';
import type { ModelMetadata } from '../../contracts/metadata.js';
import { Directory } from './directory.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import type { ModelPath } from './infer-calls.js';
import type { ModelConfig } from './model-config.js';
import type { StatisticsEntry } from './model-statistics.js';

@Controller('v2/models')
@UseFilters(HttpFailureFilter)
export class ModelsController {
  constructor(@Inject(Directory) private readonly directory: Directory) {}

  @Get()
  list(): { models: string[] } {
    return { models: this.directory.names() };
  }

  @Get(['stats', ':model/stats', ':model/versions/:version/stats'])
  statistics(@Param() { model, version }: Partial<ModelPath>): Promise<{ model_stats: StatisticsEntry[] }> {
    return this.directory.statistics(model, version);
  }

  @Get([':model/config', ':model/versions/:version/config'])
  config(@Param() { model, version }: ModelPath): Promise<ModelConfig> {
    return this.directory.config(model, version);
  }

  @Get([':model', ':model/versions/:version'])
  metadata(@Param() { model, version }: ModelPath): Promise<ModelMetadata> {
    return this.directory.metadata(model, version);
  }

  @Get([':model/ready', ':model/versions/:version/ready'])
  ready(
    @Param() { model, version }: ModelPath,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): { name: string; ready: boolean } {
    const ready = this.directory.ready(model, version);
    // Health clients look at the status alone.
    if (!ready) reply.code(503).header(headers.retryAfter, '1');
    return { name: model, ready };
  }
}
