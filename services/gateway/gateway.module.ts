// The gateway: the Open Inference Protocol over REST. A request meets, in this order: access log and request id, room (shed),
// body with its limits, headers and deadline, then the dispatcher, which calls the engines directly (route, breaker, retries).
import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '../mesh/boot.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { Dispatcher } from '../mesh/dispatch.js';
import type { Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import { RouteModule } from '../mesh/route.module.js';
import { RouteView } from '../mesh/route-view.js';
import type { Metrics } from '../mesh/telemetry.js';
import { BUS, CLOCK, LOG, METRICS, RANDOM } from '../mesh/tokens.js';
import { AccessLog } from './access-log.js';
import { Admission } from './admission.js';
import { attemptCounter } from './attempt-counter.js';
import { bodyLimit, readGatewayConfig } from './gateway.config.js';
import { Directory } from './directory.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { InferCalls } from './infer-calls.js';
import { InferController } from './infer.controller.js';
import { MetricsCollector } from './metrics-collector.js';
import { ModelsController } from './models.controller.js';
import { OperationsController } from './operations.controller.js';
import { restDoor } from './rest.js';
import { ServerController } from './server.controller.js';
import { VersionRecords } from './version-records.js';

@Module({
  imports: [RouteModule],
  controllers: [ServerController, ModelsController, InferController, OperationsController],
  providers: [
    {
      provide: Dispatcher,
      inject: [BUS, RouteView, CLOCK, RANDOM, METRICS],
      useFactory: (bus: Bus, view: RouteView, clock: Clock, random: Random, metrics: Metrics) =>
        new Dispatcher({ buses: [bus], view, clock, random, observer: attemptCounter(metrics) }),
    },
    {
      provide: AccessLog,
      inject: [CLOCK, LOG, METRICS],
      useFactory: (clock: Clock, log: Log, metrics: Metrics) => new AccessLog(clock, log, metrics),
    },
    HttpFailureFilter,
    {
      provide: InferCalls,
      inject: [Dispatcher, RouteView, AccessLog, BUS, CLOCK],
      useFactory: (dispatcher: Dispatcher, view: RouteView, access: AccessLog, bus: Bus, clock: Clock) => {
        const config = readGatewayConfig();
        const limitBytes = () => bodyLimit(config.bodyMaxBytes, bus.nc.info?.max_payload);
        return new InferCalls(dispatcher, view, access, new Admission(config), limitBytes, clock);
      },
    },
    {
      provide: Directory,
      inject: [RouteView, BUS],
      useFactory: (view: RouteView, bus: Bus) => new Directory(view, new VersionRecords(bus)),
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
  module: GatewayModule,
  description: 'The Open Inference Protocol over REST.',
  http: restDoor,
};
