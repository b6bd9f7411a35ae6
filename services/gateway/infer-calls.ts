// One inference through the REST door, step by step: a place, the body, the headers, the call, the answer.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { EndpointName } from '../../contracts/names.js';
import type { Clock } from '../mesh/clock.js';
import type { Dispatcher } from '../mesh/calls/dispatch.js';
import type { RouteView } from '../mesh/routing/route-view.js';
import { ruleHeaders } from '../mesh/routing/rule-match.js';
import type { AccessLog } from './access-log.js';
import type { Admission } from './admission.js';
import { readBody } from './body-reader.js';
import { httpBody } from './http-body.js';
import { httpHead } from './http-head.js';
import { answerEncoding, bodyEncoding } from './media.js';

export interface ModelPath {
  readonly model: string;
  readonly version?: string;
}

// What a body of unknown length is counted as while it arrives.
const UNDECLARED_BYTES = 1_048_576;

export class InferCalls {
  constructor(
    private readonly dispatcher: Dispatcher,
    private readonly view: RouteView,
    private readonly access: AccessLog,
    private readonly admission: Admission,
    private readonly limitBytes: () => number,
    private readonly clock: Clock,
  ) {}

  async serve({ model, version }: ModelPath, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const access = this.access.of(request);
    access.endpoint = checkName(model);
    access.known = this.view.serves(model);
    if (version !== undefined) access.asked = version;
    const declaredBytes = declaredLength(request);
    const encoding = bodyEncoding(request.headers['content-type'], request.headers['content-encoding']);
    const limitBytes = this.limitBytes();
    const leave = this.admission.enter(Math.min(declaredBytes ?? UNDECLARED_BYTES, limitBytes));
    try {
      const bytes = await readBody(request.raw, { encoding, limitBytes, declaredBytes });
      const head = httpHead(request.headers, bytes, ruleHeaders(this.view.endpoint(model)));
      const answer = await this.dispatcher.infer(
        model,
        { bytes, jsonLength: head.jsonLength },
        {
          requestId: access.requestId,
          once: access.chosen,
          uncached: head.uncached,
          failFast: head.failFast,
          user: head.user,
          tenant: head.tenant,
          caller: head.caller,
          headers: head.ruled,
          version,
          timeoutMs: this.timeLeft(head.timeoutMs, access.arrivedMs),
          priority: head.priority,
          sequence: head.sequence,
          traceparent: head.traceparent,
          signal: access.gone,
        },
      );
      access.replica = answer.replica;
      access.attempts = answer.attempts;
      access.version = this.labelOf(model, answer.replica);
      const body = await httpBody(
        answer.bytes,
        answer.jsonLength,
        answerEncoding(request.headers['accept-encoding']),
      );
      await reply
        .code(200)
        .headers({
          ...body.headers,
          [headers.replica]: answer.replica,
          [headers.attempts]: String(answer.attempts),
          ...(answer.arm !== undefined && { [headers.arm]: answer.arm }),
          ...(answer.cached !== undefined && { [headers.cache]: answer.cached ? 'hit' : 'miss' }),
        })
        .send(body.bytes);
    } finally {
      leave();
    }
  }

  private labelOf(model: string, replica: string): string {
    const digest = this.view.replica(replica)?.version;
    return this.view.endpoint(model)?.variants.find(({ version }) => version === digest)?.label ?? '';
  }

  /** The caller's time minus what reading the body took; undefined: the endpoint's own. */
  private timeLeft(timeoutMs: number | undefined, arrivedMs: number): number | undefined {
    if (timeoutMs === undefined) return undefined;
    const leftMs = timeoutMs - (this.clock.monotonicMs() - arrivedMs);
    if (leftMs > 0) return leftMs;
    throw failure('DEADLINE', `The ${timeoutMs} ms of this request were over when its body had arrived.`);
  }
}

/** What can be no endpoint's name is not looked for; and it does not become a label of a metric either. */
export function checkName(model: string): string {
  if (EndpointName.safeParse(model).success) return model;
  throw failure('ENDPOINT_UNKNOWN', 'No endpoint can have such a name.');
}

function declaredLength(request: FastifyRequest): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}
