// What start.ts gives to every service of a process, by the symbols in tokens.ts. Tests make it with parts of their own.
import { type DynamicModule, Module } from '@nestjs/common';
import type { Bus } from './bus.js';
import type { Clock } from './clock.js';
import type { ConsulAgent } from './consul-agent.js';
import type { Discovery } from './discovery.js';
import type { Endpoints } from './endpoints.js';
import type { Log } from './log.js';
import { ProcessController } from './process.controller.js';
import type { Random } from './random.js';
import type { MeshConfig } from './service-config.js';
import type { Metrics } from './telemetry.js';
import { BUS, CLOCK, CONSUL, DISCOVERY, ENDPOINTS, LOG, MESH_CONFIG, METRICS, RANDOM } from './tokens.js';

export interface MeshParts {
  readonly config: MeshConfig;
  readonly bus: Bus;
  readonly consul: ConsulAgent;
  readonly discovery: Discovery;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly endpoints: Endpoints;
}

@Module({})
export class MeshModule {
  static forRoot(parts: MeshParts): DynamicModule {
    const providers = [
      { provide: MESH_CONFIG, useValue: parts.config },
      { provide: BUS, useValue: parts.bus },
      { provide: CONSUL, useValue: parts.consul },
      { provide: DISCOVERY, useValue: parts.discovery },
      { provide: CLOCK, useValue: parts.clock },
      { provide: RANDOM, useValue: parts.random },
      { provide: LOG, useValue: parts.log },
      { provide: METRICS, useValue: parts.metrics },
      { provide: ENDPOINTS, useValue: parts.endpoints },
    ];
    return {
      module: MeshModule,
      global: true,
      controllers: [ProcessController],
      providers,
      exports: providers.map((provider) => provider.provide),
    };
  }
}
