// Calls without a router between: the client keeps the table that routers keep, chooses the replica and asks its engine. When a
// region joins late, a new table over all connections is made ready first; calls under way end where they began.
import { nuid } from '@nats-io/transport-node';
import { failure } from '../contracts/errors.js';
import type { Body } from '../contracts/infer-body.js';
import type { Bus } from '../services/mesh/bus.js';
import type { Clock } from '../services/mesh/clock.js';
import { Dispatcher } from '../services/mesh/calls/dispatch.js';
import { EvidenceBook } from '../services/mesh/evidence/book.js';
import { EvidenceReporter } from '../services/mesh/evidence/reporter.js';
import { silentLog } from '../services/mesh/log.js';
import { OrderBook } from '../services/mesh/trust/order-book.js';
import { OverrideWatch } from '../services/mesh/trust/override-watch.js';
import type { Random } from '../services/mesh/random.js';
import { RouteView } from '../services/mesh/routing/route-view.js';
import type { Answer, Caller, CallOptions } from './caller.js';
import type { Connections } from './connections.js';
import { Distances } from './distances.js';

export interface DirectOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How long the first table may take. */
  readonly timeoutMs: number;
  /** False in control runs, which show what is lost without. */
  readonly retries: boolean;
  /** Of one request and of one answer. */
  readonly bodyMaxBytes: number;
}

/** A table and who calls by it. */
interface Generation {
  readonly buses: readonly Bus[];
  readonly view: RouteView;
  readonly dispatcher: Dispatcher;
  readonly overrides: OverrideWatch;
  readonly reporter: EvidenceReporter;
  readonly distances: Distances;
}

const RETIRED_LOOK_MS = 1_000;

export class DirectCaller implements Caller {
  private readonly retired = new Set<Generation>();
  private readonly stopLook: () => void;
  private closed = false;

  /** Returns once the endpoints are known. */
  static async open(connections: Connections, options: DirectOptions): Promise<DirectCaller> {
    const caller = new DirectCaller(generation(connections, options), options);
    try {
      await withTime(caller.current.view.ready(), options);
    } catch (error) {
      caller.close();
      throw error;
    }
    connections.onJoin((bus) => {
      if (!caller.current.buses.includes(bus)) void caller.renew(connections);
    });
    return caller;
  }

  private constructor(
    private current: Generation,
    private readonly options: DirectOptions,
  ) {
    this.stopLook = options.clock.every(RETIRED_LOOK_MS, () => this.bury());
  }

  async infer(endpoint: string, body: Body, options: CallOptions): Promise<Answer> {
    return this.current.dispatcher.infer(endpoint, body, options);
  }

  close(): void {
    this.closed = true;
    this.stopLook();
    for (const gone of [...this.retired, this.current]) end(gone);
    this.retired.clear();
  }

  private async renew(connections: Connections): Promise<void> {
    const fresh = generation(connections, this.options);
    await fresh.view.ready().catch(() => undefined);
    if (this.closed) return end(fresh);
    this.retired.add(this.current);
    this.current = fresh;
  }

  private bury(): void {
    for (const old of this.retired) {
      if (old.dispatcher.inFlight > 0) continue;
      end(old);
      this.retired.delete(old);
    }
  }
}

function generation(
  connections: Connections,
  { clock, random, retries, bodyMaxBytes }: DirectOptions,
): Generation {
  const [first, ...others] = connections.all();
  if (!first) throw failure('UNAVAILABLE', 'No region is connected.');
  const buses: [Bus, ...Bus[]] = [first, ...others];
  const orders = new OrderBook();
  const places = buses.map((bus) => ({ bus, region: bus.region }));
  const overrides = new OverrideWatch({ places, book: orders, clock, log: silentLog });
  const distances = new Distances(buses, clock);
  const view = new RouteView({ buses, clock, random, orders, distanceMs: distances.toMs });
  const evidence = new EvidenceBook(nuid.next(), (name) => view.endpoint(name));
  const reporter = new EvidenceReporter(evidence, first, clock);
  const dispatcher = new Dispatcher({ buses, view, clock, random, retries, bodyMaxBytes, evidence });
  return { buses, view, overrides, dispatcher, reporter, distances };
}

function end({ dispatcher, view, overrides, reporter, distances }: Generation): void {
  distances.close();
  dispatcher.close();
  reporter.close();
  overrides.close();
  view.close();
}

async function withTime<T>(work: Promise<T>, { clock, timeoutMs }: DirectOptions): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(timeoutMs, over.signal).then(() => {
    throw failure('UNAVAILABLE', `No region told its endpoints within ${timeoutMs} ms.`);
  });
  late.catch(() => undefined); // ended by `over`
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
