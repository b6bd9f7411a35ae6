// Asks every process of the region for its metrics. How many there are nobody knows, so it waits until no answer has come for a
// moment: a process that is stuck is missing from the page rather than holding it up.
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import { inboxOf } from '../mesh/bus-key.js';
import type { Clock } from '../mesh/clock.js';
import type { Metrics } from '../mesh/telemetry.js';
import { mergeMetrics } from './metrics-merge.js';

const QUIET_MS = 150;
const WAIT_MS_MAX = 1_000;
const PAGES_MAX = 1_000;

export class MetricsCollector {
  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly own: Metrics,
  ) {}

  async page(): Promise<string> {
    const pages = this.bus.connected() ? await this.answers(subjects.metrics(this.bus.region)) : [];
    // Our own process answers with the others; without a bus it still has something to say.
    return mergeMetrics(pages.length > 0 ? pages : [await this.own.text()]);
  }

  private answers(subject: string): Promise<string[]> {
    return new Promise((resolve) => {
      const pages: string[] = [];
      const inbox = inboxOf(this.bus.nc);
      const done = () => {
        subscription.unsubscribe();
        cancelQuiet();
        cancelLate();
        resolve(pages);
      };
      const subscription = this.bus.nc.subscribe(inbox, {
        callback: (error, message) => {
          // An empty answer is the server's word that nobody listens.
          if (error || message.data.length === 0) return done();
          pages.push(message.string());
          cancelQuiet();
          if (pages.length >= PAGES_MAX) done();
          else cancelQuiet = this.clock.after(QUIET_MS, done);
        },
      });
      let cancelQuiet: () => void = () => undefined;
      const cancelLate = this.clock.after(WAIT_MS_MAX, done);
      this.bus.nc.publish(subject, undefined, { reply: inbox });
    });
  }
}
