// Tells the region what the book of this process has counted, four times a second while there is something to say.
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import type { EvidenceBook } from './book.js';

const EVERY_MS = 250;

export class EvidenceReporter {
  private readonly stop: () => void;

  constructor(
    private readonly book: EvidenceBook,
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {
    this.stop = clock.every(EVERY_MS, () => this.tell());
  }

  /** The last of it goes out before the connection does. */
  close(): void {
    this.stop();
    this.tell();
  }

  private tell(): void {
    // Unsent is untold: counters are totals, so nothing is lost by waiting for the connection.
    if (!this.bus.connected()) return;
    for (const report of this.book.reports(this.bus.region, this.clock.now()))
      try {
        this.bus.nc.publish(subjects.evidence(this.bus.region), JSON.stringify(report));
      } catch {
        // Closed meanwhile; what was counted here is gone with this process.
      }
  }
}
