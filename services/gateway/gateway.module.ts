// The gateway: the Open Inference Protocol over REST and gRPC. A request meets, in this order: access log and request id, guard (key,
// permission, quota), room (shed),
// body with its limits, headers and deadline, then the dispatcher, which calls the engines directly (route, breaker, retries).
import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '../mesh/boot.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { Dispatcher } from '../mesh/calls/dispatch.js';
import { EvidenceModule } from '../mesh/evidence/evidence.module.js';
import { EvidenceBook } from '../mesh/evidence/book.js';
import type { Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import { RouteModule } from '../mesh/routing/route.module.js';
import { RouteView } from '../mesh/routing/route-view.js';
import type { MeshConfig } from '../mesh/service-config.js';
import type { Metrics } from '../mesh/telemetry.js';
import { BUS, CLOCK, LOG, MESH_CONFIG, METRICS, RANDOM } from '../mesh/tokens.js';
import { AccessLog } from './access-log.js';
import { Admission } from './admission.js';
import { attemptCounter } from './attempt-counter.js';
import { BusController } from './bus.controller.js';
import { Directory } from './directory.js';
import { FeedbackController } from './feedback.controller.js';
import { type GatewayConfig, readGatewayConfig } from './gateway.config.js';
import { BODY_LIMIT, EXTENSIONS, GATEWAY_CONFIG } from './gateway.tokens.js';
import { GrpcDoor } from './grpc/grpc-door.js';
import { Guard } from './identity/guard.js';
import { Identities } from './identity/identities.js';
import { IdentityController } from './identity/identity.controller.js';
import { IdentityWatch } from './identity/identity-watch.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { InferCalls } from './infer-calls.js';
import { InferController } from './infer.controller.js';
import { Labels } from './labels.js';
import { extensions } from './metadata.js';
import { MetricsCollector } from './metrics-collector.js';
import { ModelControl } from './model-control.js';
import { StatisticsCollector } from './model-statistics.js';
import { ModelsController } from './models.controller.js';
import { OperationsController } from './operations.controller.js';
import { PlacementController } from './placement.controller.js';
import { ReleasesController } from './releases.controller.js';
import { RepositoryController } from './repository.controller.js';
import { restDoor } from './rest.js';
import { ServerController } from './server.controller.js';
import { CompressionController } from './compression.controller.js';
import { TrainingController } from './training.controller.js';
import { TrainingJobs } from './training-jobs.js';
import { UnsupportedController } from './unsupported.controller.js';
import { UnservedModels } from './unserved-models.js';
import { VersionRecords } from './version-records.js';
import { VersionsController } from './versions.controller.js';

@Module({
  imports: [RouteModule, EvidenceModule],
  controllers: [
    BusController,
    IdentityController,
    ServerController,
    ModelsController,
    InferController,
    RepositoryController,
    PlacementController,
    ReleasesController,
    VersionsController,
    TrainingController,
    CompressionController,
    UnsupportedController,
    OperationsController,
    FeedbackController,
  ],
  providers: [
    {
      provide: Dispatcher,
      inject: [BUS, RouteView, CLOCK, RANDOM, METRICS, GATEWAY_CONFIG, EvidenceBook],
      useFactory: (
        bus: Bus,
        view: RouteView,
        clock: Clock,
        random: Random,
        metrics: Metrics,
        { bodyMaxBytes }: GatewayConfig,
        evidence: EvidenceBook,
      ) =>
        new Dispatcher({
          buses: [bus],
          view,
          clock,
          random,
          observer: attemptCounter(metrics),
          evidence,
          bodyMaxBytes,
        }),
    },
    {
      provide: AccessLog,
      inject: [CLOCK, LOG, METRICS],
      useFactory: (clock: Clock, log: Log, metrics: Metrics) => new AccessLog(clock, log, metrics),
    },
    HttpFailureFilter,
    { provide: GATEWAY_CONFIG, useFactory: () => readGatewayConfig() },
    {
      provide: Admission,
      inject: [GATEWAY_CONFIG],
      useFactory: (config: GatewayConfig) => new Admission(config),
    },
    {
      provide: Guard,
      inject: [GATEWAY_CONFIG, CLOCK],
      useFactory: ({ auth }: GatewayConfig, clock: Clock) => new Guard(auth, clock),
    },
    {
      provide: IdentityWatch,
      inject: [BUS, MESH_CONFIG, Guard, CLOCK, LOG],
      useFactory: (bus: Bus, { homeRegion }: MeshConfig, guard: Guard, clock: Clock, log: Log) =>
        new IdentityWatch(bus, homeRegion, guard, clock, log),
    },
    {
      provide: Identities,
      inject: [BUS, MESH_CONFIG, CLOCK],
      useFactory: (bus: Bus, { homeRegion }: MeshConfig, clock: Clock) =>
        new Identities(bus, homeRegion, clock),
    },
    {
      provide: BODY_LIMIT,
      inject: [GATEWAY_CONFIG],
      useFactory: (config: GatewayConfig) => () => config.bodyMaxBytes,
    },
    {
      provide: InferCalls,
      inject: [Dispatcher, RouteView, AccessLog, Admission, BODY_LIMIT, CLOCK],
      useFactory: (...parts: ConstructorParameters<typeof InferCalls>) => new InferCalls(...parts),
    },
    {
      provide: Directory,
      inject: [RouteView, BUS, CLOCK, LOG],
      useFactory: (view: RouteView, bus: Bus, clock: Clock, log: Log) =>
        new Directory(
          view,
          new VersionRecords(bus),
          new Labels(bus, clock),
          new StatisticsCollector(bus, log, () => view.shardNames()),
          new UnservedModels(bus, log),
        ),
    },
    {
      provide: ModelControl,
      inject: [GATEWAY_CONFIG, BUS, RouteView, Directory, CLOCK],
      useFactory: (
        { modelControl }: GatewayConfig,
        bus: Bus,
        view: RouteView,
        directory: Directory,
        clock: Clock,
      ) => new ModelControl(bus, view, directory, clock, modelControl),
    },
    {
      provide: TrainingJobs,
      inject: [MESH_CONFIG, BUS, Admission, BODY_LIMIT],
      useFactory: ({ homeRegion }: MeshConfig, bus: Bus, admission: Admission, limitBytes: () => number) =>
        new TrainingJobs(homeRegion, bus, admission, limitBytes),
    },
    {
      provide: EXTENSIONS,
      inject: [GATEWAY_CONFIG],
      useFactory: ({ modelControl }: GatewayConfig) => extensions(modelControl),
    },
    {
      provide: GrpcDoor,
      inject: [
        GATEWAY_CONFIG,
        MESH_CONFIG,
        Dispatcher,
        RouteView,
        AccessLog,
        Admission,
        BODY_LIMIT,
        CLOCK,
        LOG,
        Directory,
        ModelControl,
        EXTENSIONS,
        BUS,
        Guard,
      ],
      useFactory: (
        { grpcPort: port, inFlightMax: callsMax }: GatewayConfig,
        { restHost: host = '127.0.0.1' }: MeshConfig,
        dispatcher: Dispatcher,
        view: RouteView,
        access: AccessLog,
        admission: Admission,
        limitBytes: () => number,
        clock: Clock,
        log: Log,
        directory: Directory,
        control: ModelControl,
        announced: readonly string[],
        bus: Bus,
        guard: Guard,
      ) =>
        new GrpcDoor({
          port,
          callsMax,
          host,
          dispatcher,
          view,
          access,
          admission,
          limitBytes,
          clock,
          log,
          directory,
          control,
          extensions: announced,
          bus,
          guard,
        }),
    },
    {
      provide: MetricsCollector,
      inject: [BUS, CLOCK, METRICS],
      useFactory: (bus: Bus, clock: Clock, metrics: Metrics) => new MetricsCollector(bus, clock, metrics),
    },
  ],
})
export class GatewayModule {}

export const gatewayService: ServiceDefinition = {
  name: 'gateway',
  carriesRequests: true,
  module: GatewayModule,
  description: 'The Open Inference Protocol over REST and gRPC.',
  http: restDoor,
};
