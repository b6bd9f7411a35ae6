// Keeps the round trips from this region to the others: now and then a router there is asked over the bus, which is the way that
// requests take. The route reads distances from it, `massif links` the rest.
import { LinksReply } from '../../../contracts/links.js';
import type { Link } from '../../../contracts/placement.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import { LinkMeter } from '../link-meter.js';
import { Paths, transferMs } from '../placement/links.js';

const EVERY_MS = 5_000;
const TIMEOUT_MS = 2_000;

export interface LinkProbeParts {
  readonly bus: Bus;
  readonly regions: readonly string[];
  readonly declared: readonly Link[];
  readonly clock: Clock;
}

export class LinkProbe {
  private readonly meter: LinkMeter;
  private readonly stop: () => void;
  private paths: Paths;

  constructor(private readonly parts: LinkProbeParts) {
    const { bus, declared, clock } = parts;
    const ask = (region: string) =>
      bus.request(subjects.links(region), LinksReply, {}, { timeoutMs: TIMEOUT_MS });
    this.meter = new LinkMeter(bus.region, declared, ask, () => clock.monotonicMs());
    this.paths = new Paths(declared);
    this.stop = clock.every(EVERY_MS, () => void this.measure());
    void this.measure();
  }

  /** A small request there and back; losses cost their retransmission. */
  readonly distanceMs = (region: string): number =>
    transferMs(this.paths.between(this.parts.bus.region, region), 0);

  report(): LinksReply {
    const { bus, regions, declared } = this.parts;
    const here = bus.region;
    const links = regions
      .filter((region) => region !== here)
      .map((to) => ({
        from: here,
        to,
        ...this.paths.between(here, to),
        ...this.meter.record(to),
        ...classOf(declared, here, to),
      }));
    return { region: here, links };
  }

  close(): void {
    this.stop();
  }

  private async measure(): Promise<void> {
    await this.meter.measure(this.parts.regions);
    this.paths = new Paths(this.meter.links());
  }
}

function classOf(
  declared: readonly Link[],
  here: string,
  there: string,
): Pick<Link, 'class'> & { declared: boolean } {
  const link = declared.find(({ between }) => between.includes(here) && between.includes(there));
  return { class: link?.class ?? 'internet', declared: link !== undefined };
}
