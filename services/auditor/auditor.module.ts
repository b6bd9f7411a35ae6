// The auditor's wiring. What is told on `massif.events.>` comes in through the intake and is chained into the log; checkpoints of it go out to a
// file and to every region; who asks gets entries and proofs. What engines tell of their answers goes to a watch for each version.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import type { MeshConfig } from '../mesh/service-config.js';
import type { ServiceDefinition } from '../mesh/start.js';
import { BUS, CLOCK, LOG, MESH_CONFIG, RANDOM } from '../mesh/tokens.js';
import { readAuditorConfig } from './auditor.config.js';
import { AuditorController } from './auditor.controller.js';
import { AuditorParts } from './auditor.parts.js';

@Module({
  controllers: [AuditorController],
  providers: [
    {
      provide: AuditorParts,
      inject: [MESH_CONFIG, BUS, CLOCK, RANDOM, LOG],
      useFactory: (config: MeshConfig, bus: Bus, clock: Clock, random: Random, log: Log) =>
        AuditorParts.open({ config, bus, clock, random, log }, readAuditorConfig()),
    },
  ],
})
export class AuditorModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(AuditorParts) private readonly parts: AuditorParts) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.parts.intake.begin();
    this.parts.watches.begin();
    this.parts.probes.begin();
    this.parts.operations.begin();
  }

  async onModuleDestroy(): Promise<void> {
    this.parts.close();
    await this.parts.intake.end();
    await this.parts.checkpoints.close();
  }
}

export const auditorService: ServiceDefinition = {
  name: 'auditor',
  module: AuditorModule,
  description: 'Writes down who did what, and proves that nothing of it was changed.',
};
