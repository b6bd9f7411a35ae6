// The one book of evidence of a process, and who tells the region of it. Router and gateway of an edge process write in the same.
import { nuid } from '@nats-io/transport-node';
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import { EvidenceBook } from './book.js';
import { FeedbackDesk } from './feedback-desk.js';
import { EvidenceReporter } from './reporter.js';
import { RouteModule } from '../routing/route.module.js';
import { RouteView } from '../routing/route-view.js';
import { BUS, CLOCK } from '../tokens.js';

@Module({
  imports: [RouteModule],
  providers: [
    {
      provide: EvidenceBook,
      inject: [RouteView],
      useFactory: (view: RouteView) => new EvidenceBook(nuid.next(), (name) => view.endpoint(name)),
    },
    {
      provide: EvidenceReporter,
      inject: [EvidenceBook, BUS, CLOCK],
      useFactory: (book: EvidenceBook, bus: Bus, clock: Clock) => new EvidenceReporter(book, bus, clock),
    },
    {
      provide: FeedbackDesk,
      inject: [EvidenceBook, RouteView],
      useFactory: (book: EvidenceBook, view: RouteView) =>
        new FeedbackDesk(book, (name) => view.endpoint(name)),
    },
  ],
  exports: [EvidenceBook, FeedbackDesk],
})
export class EvidenceModule implements OnApplicationShutdown {
  constructor(@Inject(EvidenceReporter) private readonly reporter: EvidenceReporter) {}

  onApplicationShutdown(): void {
    this.reporter.close();
  }
}
