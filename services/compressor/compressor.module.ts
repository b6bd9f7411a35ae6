// The compressor's wiring. Jobs come in over the bus and wait in the queue; records are in KV, checkpoints and reports in the object
// store; a worker process computes; out goes a signed version beside its parent, through the registry.
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
import { CompressRecord } from '../../contracts/compressor.js';
import { CompressReport } from '../../contracts/compress-report.js';
import { JobObjects } from '../mesh/jobs/job-objects.js';
import { JobQueue } from '../mesh/jobs/job-queue.js';
import { JobRunner } from '../mesh/jobs/job-runner.js';
import { JobStore } from '../mesh/jobs/job-store.js';
import type { JobsConfig } from '../mesh/jobs/jobs-config.js';
import { readCompressorConfig } from './compressor.config.js';
import { CompressorController } from './compressor.controller.js';
import { Compressor } from './compressor.js';
import { Compression, type CompressionObjects } from './compression.js';
import { COMPRESSOR_OBJECTS, COMPRESSOR_RUNNER, COMPRESSOR_STORE } from './compressor.tokens.js';

const COMPRESSOR_CONFIG = Symbol('CompressorConfig');

@Module({
  controllers: [CompressorController],
  providers: [
    { provide: COMPRESSOR_CONFIG, useFactory: () => readCompressorConfig() },
    {
      provide: COMPRESSOR_STORE,
      inject: [MESH_CONFIG, BUS, CLOCK],
      useFactory: async ({ region, homeRegion }: MeshConfig, bus: Bus, clock: Clock) => {
        if (region !== homeRegion)
          throw new ConfigError(
            `MASSIF_REGION must be the home region "${homeRegion}" for a compressor, got "${region}".`,
          );
        return new JobStore(
          await bus.kv(buckets.compressJobs(region), { create: { history: 1 } }),
          CompressRecord,
          clock,
        );
      },
    },
    {
      provide: COMPRESSOR_OBJECTS,
      inject: [MESH_CONFIG, BUS],
      useFactory: ({ region }: MeshConfig, bus: Bus) =>
        JobObjects.open(bus, region, buckets.compression(region), CompressReport),
    },
    {
      provide: COMPRESSOR_RUNNER,
      inject: [MESH_CONFIG, COMPRESSOR_CONFIG, BUS, COMPRESSOR_STORE, COMPRESSOR_OBJECTS, CLOCK, RANDOM, LOG],
      useFactory: async (
        { region, instance, keysDir, dataDir, natsUrl, natsKey }: MeshConfig,
        config: JobsConfig,
        bus: Bus,
        store: JobStore<CompressRecord>,
        objects: CompressionObjects,
        clock: Clock,
        random: Random,
        log: Log,
      ) =>
        new JobRunner<CompressRecord>({
          ...config,
          store,
          objects,
          craft: new Compression({ ...config, bus, objects, keysDir, natsUrl, natsKey }),
          queue: await JobQueue.open(bus, region, 'compress', config.ackWaitMs),
          instance,
          workDir: resolve(dataDir, 'compressions'),
          clock,
          random,
          log,
        }),
    },
    {
      provide: Compressor,
      inject: [BUS, COMPRESSOR_RUNNER, COMPRESSOR_OBJECTS],
      useFactory: (bus: Bus, runner: JobRunner<CompressRecord>, objects: CompressionObjects) =>
        new Compressor(bus, runner, objects),
    },
  ],
})
export class CompressorModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(COMPRESSOR_RUNNER) private readonly runner: JobRunner<CompressRecord>) {}

  onApplicationBootstrap(): void {
    this.runner.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.runner.stop();
  }
}

export const compressorService: ServiceDefinition = {
  name: 'compressor',
  module: CompressorModule,
  description: 'Makes smaller versions of versions: recipes, search, proof, guard.',
};
