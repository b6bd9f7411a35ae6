// The registry's wiring. The catalog's bucket is the truth: Catalog decides on it, Pusher adds versions to it, and the one registry
// that leads carries it out (duties.ts): placements, releases, lives of versions, copies in the other regions, removal of left-overs.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { tellAudit } from '../mesh/tell-audit.js';
import type { ServiceDefinition } from '../mesh/start.js';
import { BUS, CLOCK, CONSUL, DISCOVERY, LOG, MESH_CONFIG, METRICS, RANDOM } from '../mesh/tokens.js';
import { Approvals } from './approvals.js';
import { Planners } from '../mesh/placement/planners.js';
import { Answered } from './answered.js';
import { Catalog } from './catalog.js';
import { Lifecycles } from './lifecycle/lifecycles.js';
import { Pins } from './pins.js';
import { PinsController } from './pins.controller.js';
import { PipelinesController } from './pipelines.controller.js';
import { PlansController } from './plans.controller.js';
import { Pipelines } from './pipelines.js';
import { Pusher } from './push.js';
import { RegistryController } from './registry.controller.js';
import { ReleaseController } from './release/release.controller.js';
import { Releases } from './release/releases.js';
import { StandIns } from './stand-in/stand-ins.js';
import { SuccessorController } from './stand-in/successor.controller.js';
import { openRegistry, type RegistryMesh, type RegistryParts } from './registry.parts.js';

const PARTS = Symbol('RegistryParts');
type Mesh = RegistryMesh;

@Module({
  controllers: [
    RegistryController,
    ReleaseController,
    PinsController,
    PipelinesController,
    PlansController,
    SuccessorController,
  ],
  providers: [
    {
      provide: PARTS,
      inject: [MESH_CONFIG, BUS, CONSUL, DISCOVERY, CLOCK, RANDOM, LOG, METRICS],
      useFactory: (
        config: Mesh['config'],
        bus: Mesh['bus'],
        consul: Mesh['consul'],
        discovery: Mesh['discovery'],
        clock: Mesh['clock'],
        random: Mesh['random'],
        log: Mesh['log'],
        metrics: Mesh['metrics'],
      ) => openRegistry({ config, bus, consul, discovery, clock, random, log, metrics }),
    },
    { provide: Catalog, inject: [PARTS], useFactory: ({ catalog }: RegistryParts) => catalog },
    { provide: Pipelines, inject: [PARTS], useFactory: ({ pipelines }: RegistryParts) => pipelines },
    { provide: Pins, inject: [PARTS], useFactory: ({ pins }: RegistryParts) => pins },
    { provide: Lifecycles, inject: [PARTS], useFactory: ({ lifecycles }: RegistryParts) => lifecycles },
    { provide: Releases, inject: [PARTS], useFactory: ({ releases }: RegistryParts) => releases },
    { provide: Approvals, inject: [PARTS], useFactory: ({ approvals }: RegistryParts) => approvals },
    { provide: Planners, inject: [PARTS], useFactory: ({ planner }: RegistryParts) => planner },
    { provide: StandIns, inject: [PARTS], useFactory: ({ standIns }: RegistryParts) => standIns },
    { provide: Pusher, inject: [PARTS], useFactory: ({ pusher }: RegistryParts) => pusher },
    {
      provide: Answered,
      inject: [METRICS, LOG, BUS, MESH_CONFIG, CLOCK],
      useFactory: (
        metrics: Mesh['metrics'],
        log: Mesh['log'],
        bus: Mesh['bus'],
        config: Mesh['config'],
        clock: Mesh['clock'],
      ) => new Answered(metrics, log, tellAudit(bus, config.instance, clock)),
    },
  ],
})
export class RegistryModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(PARTS) private readonly parts: RegistryParts) {}

  onApplicationBootstrap(): void {
    this.parts.leadership.begin();
  }

  async onModuleDestroy(): Promise<void> {
    await this.parts.leadership.end();
    this.parts.stopListening();
    this.parts.trust.close();
    await this.parts.planner.close();
  }
}

export const registryService: ServiceDefinition = {
  name: 'registry',
  module: RegistryModule,
  description: 'Models, versions, aliases, endpoints, pipelines and where they lie.',
};
