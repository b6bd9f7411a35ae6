// The trainer's wiring. Jobs come in over the bus and wait in the queue; records are in KV, data sets, checkpoints and reports in
// the object store; a worker process computes; out goes a signed version, through the registry.
import { Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { resolve } from 'node:path';
import { buckets } from '../../contracts/buckets.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import { ConfigError, type MeshConfig } from '../mesh/service-config.js';
import type { ServiceDefinition } from '../mesh/start.js';
import { BUS, CLOCK, LOG, MESH_CONFIG, RANDOM } from '../mesh/tokens.js';
import { JobQueue } from './job-queue.js';
import { JobStore } from './job-store.js';
import { readTrainerConfig, type TrainerConfig } from './trainer.config.js';
import { TrainerController } from './trainer.controller.js';
import { Trainer } from './trainer.js';
import { TrainingStore } from './training-store.js';

const TRAINER_CONFIG = Symbol('TrainerConfig');

@Module({
  controllers: [TrainerController],
  providers: [
    { provide: TRAINER_CONFIG, useFactory: () => readTrainerConfig() },
    {
      provide: JobStore,
      inject: [MESH_CONFIG, BUS, CLOCK],
      useFactory: async ({ region, homeRegion }: MeshConfig, bus: Bus, clock: Clock) => {
        if (region !== homeRegion)
          throw new ConfigError(
            `MASSIF_REGION must be the home region "${homeRegion}" for a trainer, got "${region}".`,
          );
        return new JobStore(await bus.kv(buckets.jobs(region), { create: { history: 1 } }), clock);
      },
    },
    {
      provide: TrainingStore,
      inject: [MESH_CONFIG, BUS],
      useFactory: ({ region }: MeshConfig, bus: Bus) => TrainingStore.open(bus, region),
    },
    {
      provide: JobQueue,
      inject: [MESH_CONFIG, TRAINER_CONFIG, BUS],
      useFactory: ({ region }: MeshConfig, { ackWaitMs }: TrainerConfig, bus: Bus) =>
        JobQueue.open(bus, region, ackWaitMs),
    },
    {
      provide: Trainer,
      inject: [MESH_CONFIG, TRAINER_CONFIG, BUS, JobStore, TrainingStore, JobQueue, CLOCK, RANDOM, LOG],
      useFactory: (
        { instance, keysDir, dataDir }: MeshConfig,
        config: TrainerConfig,
        bus: Bus,
        store: JobStore,
        training: TrainingStore,
        queue: JobQueue,
        clock: Clock,
        random: Random,
        log: Log,
      ) =>
        new Trainer({
          ...config,
          bus,
          store,
          training,
          queue,
          instance,
          keysDir,
          workDir: resolve(dataDir, 'jobs'),
          clock,
          random,
          log,
        }),
    },
  ],
})
export class TrainerModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(private readonly trainer: Trainer) {}

  onApplicationBootstrap(): void {
    this.trainer.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.trainer.stop();
  }
}

export const trainerService: ServiceDefinition = {
  name: 'trainer',
  module: TrainerModule,
  description: 'Makes versions from data: jobs, training, validation, search.',
};
