// What every process answers, whatever its services are: who it is, and its metrics. Nobody shares these answers, so there is no
// queue group.
import { stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { MetricsQuery, type ProcessStatus } from '../../contracts/status.js';
import { subjects } from '../../contracts/subjects.js';
import type { Clock } from './clock.js';
import type { Endpoints } from './endpoints.js';
import type { MeshConfig } from './service-config.js';
import type { Metrics } from './telemetry.js';
import { CLOCK, ENDPOINTS, MESH_CONFIG, METRICS } from './tokens.js';
import { VERSION } from './version.js';

@Controller()
export class ProcessController {
  private readonly startedAt: string;

  constructor(
    @Inject(MESH_CONFIG) private readonly config: MeshConfig,
    @Inject(ENDPOINTS) private readonly endpoints: Endpoints,
    @Inject(METRICS) private readonly telemetry: Metrics,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.startedAt = new Date(clock.now()).toISOString();
  }

  @MessagePattern(subjects.status(), { queue: false })
  async status(): Promise<ProcessStatus> {
    const disk = await diskOf(this.config.dataDir);
    return {
      instance: this.config.instance,
      services: [...this.endpoints.services],
      region: this.config.region,
      pid: process.pid,
      version: VERSION,
      startedAt: this.startedAt,
      rssBytes: process.memoryUsage.rss(),
      ...(disk && { disk }),
      now: new Date(this.clock.now()).toISOString(),
    };
  }

  @MessagePattern(subjects.metrics('{region}'), { queue: false })
  async metrics(@Payload({ schema: MetricsQuery }) query: MetricsQuery): Promise<Uint8Array> {
    return new TextEncoder().encode(await this.telemetry.text(query));
  }
}

/** Undefined where the process has written nothing yet. */
async function diskOf(dir: string): Promise<ProcessStatus['disk']> {
  try {
    const [{ dev }, { bsize, bavail, blocks }] = await Promise.all([stat(dir), statfs(dir)]);
    return { id: `${hostname()} ${dev}`, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}
