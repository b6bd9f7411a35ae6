// One line a request, with what happened to it, and its place in the histograms. Opened when the request arrives, written when
// its connection is done with it, also when the caller went away before (499, which no caller ever sees).
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { nuid } from '@nats-io/transport-node';
import { headers } from '../../contracts/headers.js';
import type { Clock } from '../mesh/clock.js';
import type { Log, LogFields } from '../mesh/log.js';
import { isRequestId } from '../mesh/calls/request-head.js';
import type { Metrics } from '../mesh/telemetry.js';

const CALLER_WENT_AWAY = 499;
const EVENTS = { rest: 'http.request', grpc: 'grpc.request' } as const;

/** What the handlers know of a request so far. */
export interface Access {
  readonly requestId: string;
  /** By the caller. */
  readonly chosen: boolean;
  readonly arrivedMs: number;
  /** Aborts when the caller goes away. */
  readonly gone: AbortSignal;
  endpoint?: string;
  /** As the path has it. */
  asked?: string;
  /** Label of the version that ran. */
  version?: string;
  /** The endpoint exists: what callers invent becomes no label of a metric. */
  known?: boolean;
  replica?: string;
  attempts?: number;
  code?: string;
}

export class AccessLog {
  private readonly open = new WeakMap<IncomingMessage, Access>();
  private readonly seconds;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    metrics: Metrics,
  ) {
    this.seconds = metrics.histogram('massif_request_seconds', {
      help: 'From the arrival of a request at a door to its answer.',
      labels: ['endpoint', 'version', 'door', 'code'],
    });
  }

  /** For the onRequest hook: from here on every answer carries the request id. */
  begin(request: FastifyRequest, reply: FastifyReply): Access {
    const given = request.headers[headers.requestId.toLowerCase()];
    const gone = new AbortController();
    const access = this.arrive(typeof given === 'string' ? given : undefined, gone.signal);
    this.open.set(request.raw, access);
    reply.header(headers.requestId, access.requestId);
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort();
      const status = reply.raw.writableFinished ? reply.raw.statusCode : CALLER_WENT_AWAY;
      this.depart(access, 'rest', status, { method: request.method, path: request.url.slice(0, 300) });
    });
    return access;
  }

  /** A request at a door that itself sees the end of it: `depart`. */
  arrive(given: string | undefined, gone: AbortSignal): Access {
    const chosen = given !== undefined && isRequestId(given);
    const requestId = chosen ? given : nuid.next();
    return { requestId, chosen, arrivedMs: this.clock.monotonicMs(), gone };
  }

  of(request: FastifyRequest): Access {
    const access = this.open.get(request.raw);
    if (!access) throw new Error('a request that did not pass the onRequest hook');
    return access;
  }

  /** `status` as HTTP counts, at every door: so one query covers all. */
  depart(access: Access, door: keyof typeof EVENTS, status: number, asking: LogFields = {}): void {
    const { requestId, endpoint, asked, version = asked, replica, attempts, code, known } = access;
    const ms = this.clock.monotonicMs() - access.arrivedMs;
    if (endpoint !== undefined)
      this.seconds.observe(
        {
          endpoint: known ? endpoint : '',
          version: access.version ?? '',
          door,
          code: String(status),
        },
        ms / 1e3,
      );
    // Probes come every second and say nothing while all is well.
    if (endpoint === undefined && status < 400) return;
    const line = {
      requestId,
      ...asking,
      endpoint,
      version,
      replica,
      status,
      code,
      attempts,
      ms: Math.round(ms * 1e3) / 1e3,
    };
    if (status >= 500) this.log.warn(EVENTS[door], line);
    else this.log.info(EVENTS[door], line);
  }
}
