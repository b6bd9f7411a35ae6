// The router: requests come in over NATS at the door, the view knows endpoints and replicas, the controller explains. What a
// request meets, in this order: room (shed), headers and deadline, route, breaker, replica; and on trouble the retry budget.
import { Module } from '@nestjs/common';
import { queues, wildcards } from '../../contracts/subjects.js';
import type { MeshConfig } from '../mesh/service-config.js';
import { tellAudit } from '../mesh/tell-audit.js';
import type { ServiceDefinition } from '../mesh/boot.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { Endpoints } from '../mesh/endpoints.js';
import type { Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import { OrderBook } from '../mesh/trust/order-book.js';
import { EvidenceModule } from '../mesh/evidence/evidence.module.js';
import { EvidenceBook } from '../mesh/evidence/book.js';
import { RouteModule } from '../mesh/routing/route.module.js';
import { RouteView } from '../mesh/routing/route-view.js';
import type { Metrics } from '../mesh/telemetry.js';
import { BUS, MESH_CONFIG, CLOCK, ENDPOINTS, LOG, METRICS, RANDOM } from '../mesh/tokens.js';
import { TrustFiles } from '../mesh/trust/trust-files.js';
import { RouterDoor } from './door.js';
import { DoorKeeper } from './door-keeper.js';
import { Overrides } from './overrides.js';
import { FeedbackController } from './feedback.controller.js';
import { RefusalLog } from './refusal-log.js';
import { readRouterConfig } from './router.config.js';
import { RouterController } from './router.controller.js';

@Module({
  imports: [RouteModule, EvidenceModule],
  controllers: [FeedbackController, RouterController],
  providers: [
    {
      provide: RouterDoor,
      inject: [BUS, RouteView, CLOCK, RANDOM, METRICS, LOG, ENDPOINTS, EvidenceBook],
      useFactory: (
        bus: Bus,
        view: RouteView,
        clock: Clock,
        random: Random,
        metrics: Metrics,
        log: Log,
        endpoints: Endpoints,
        evidence: EvidenceBook,
      ) =>
        new RouterDoor({
          bus,
          view,
          clock,
          random,
          metrics,
          evidence,
          config: readRouterConfig(),
          refusals: new RefusalLog(clock, log),
          endpoint: endpoints.add('router', {
            name: 'infer',
            subject: wildcards.infer(),
            queue: queues.router,
          }),
        }),
    },
    {
      provide: Overrides,
      inject: [MESH_CONFIG, BUS, OrderBook, TrustFiles, CLOCK, RANDOM, LOG],
      useFactory: (
        { instance }: MeshConfig,
        bus: Bus,
        book: OrderBook,
        trust: TrustFiles,
        clock: Clock,
        random: Random,
        log: Log,
      ) => new Overrides({ bus, book, trust, clock, random, log, tell: tellAudit(bus, instance, clock) }),
    },
    DoorKeeper,
  ],
})
export class RouterModule {}

export const routerService: ServiceDefinition = {
  name: 'router',
  carriesRequests: true,
  module: RouterModule,
  description: 'Chooses the replica of each inference and hands the answer the short way home.',
};
