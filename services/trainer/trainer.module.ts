// The trainer's wiring. Jobs come in over the bus and wait in the queue; records are in KV, data sets, checkpoints and reports in
// the object store; a worker process computes; out goes a signed version, through the registry.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { resolve } from 'node:path';
import { buckets } from '../../contracts/buckets.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import { ConfigError, type MeshConfig } from '../mesh/service-config.js';
import type { ServiceDefinition } from '../mesh/start.js';
import { BUS, CLOCK, LOG, MESH_CONFIG, RANDOM } from '../mesh/tokens.js';
import { JobRecord } from '../../contracts/trainer.js';
import { TrainReport } from '../../contracts/train-report.js';
import { filesOf } from '../../contracts/train-job.js';
import { JobObjects } from '../mesh/jobs/job-objects.js';
import { JobQueue } from '../mesh/jobs/job-queue.js';
import { JobRunner } from '../mesh/jobs/job-runner.js';
import { JobStore } from '../mesh/jobs/job-store.js';
import { readTrainerConfig, type TrainerConfig } from './trainer.config.js';
import { TrainerController } from './trainer.controller.js';
import { Trainer } from './trainer.js';
import { Training, type TrainingObjects } from './training.js';
import { TRAINER_OBJECTS, TRAINER_RUNNER, TRAINER_STORE } from './trainer.tokens.js';

const TRAINER_CONFIG = Symbol('TrainerConfig');

@Module({
  controllers: [TrainerController],
  providers: [
    { provide: TRAINER_CONFIG, useFactory: () => readTrainerConfig() },
    {
      provide: TRAINER_STORE,
      inject: [MESH_CONFIG, BUS, CLOCK],
      useFactory: async ({ region, homeRegion }: MeshConfig, bus: Bus, clock: Clock) => {
        if (region !== homeRegion)
          throw new ConfigError(
            `MASSIF_REGION must be the home region "${homeRegion}" for a trainer, got "${region}".`,
          );
        return new JobStore(await bus.kv(buckets.jobs(region), { create: { history: 1 } }), JobRecord, clock);
      },
    },
    {
      provide: TRAINER_OBJECTS,
      inject: [MESH_CONFIG, BUS],
      useFactory: ({ region }: MeshConfig, bus: Bus) =>
        JobObjects.open(bus, region, buckets.training(region), TrainReport),
    },
    {
      provide: TRAINER_RUNNER,
      inject: [MESH_CONFIG, TRAINER_CONFIG, BUS, TRAINER_STORE, TRAINER_OBJECTS, CLOCK, RANDOM, LOG],
      useFactory: async (
        { region, instance, keysDir, dataDir }: MeshConfig,
        config: TrainerConfig,
        bus: Bus,
        store: JobStore<JobRecord>,
        objects: TrainingObjects,
        clock: Clock,
        random: Random,
        log: Log,
      ) =>
        new JobRunner<JobRecord>({
          ...config,
          store,
          objects,
          craft: new Training({ ...config, bus, objects, keysDir }),
          queue: await JobQueue.open(bus, region, 'train', config.ackWaitMs),
          dataOf: ({ job }) => filesOf(job).map(({ digest }) => digest),
          instance,
          workDir: resolve(dataDir, 'jobs'),
          clock,
          random,
          log,
        }),
    },
    {
      provide: Trainer,
      inject: [TRAINER_RUNNER, TRAINER_OBJECTS],
      useFactory: (runner: JobRunner<JobRecord>, objects: TrainingObjects) => new Trainer(runner, objects),
    },
  ],
})
export class TrainerModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(TRAINER_RUNNER) private readonly runner: JobRunner<JobRecord>) {}

  onApplicationBootstrap(): void {
    this.runner.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.runner.stop();
  }
}

export const trainerService: ServiceDefinition = {
  name: 'trainer',
  module: TrainerModule,
  description: 'Makes versions from data: jobs, training, validation, search.',
};
