// One inference through the gRPC door, step by step: a place, the metadata, the body, the call, the answer.
import type { Metadata } from '@grpc/grpc-js';
import { failure, toFailure } from '../../../contracts/errors.js';
import { headers, TIMEOUT_MS_MAX } from '../../../contracts/headers.js';
import { type Body, decodeInferResponse, encodeInferRequest } from '../../../contracts/infer-body.js';
import { tooLarge } from '../../../contracts/large-body.js';
import type { Clock } from '../../mesh/clock.js';
import type { Dispatcher } from '../../mesh/calls/dispatch.js';
import { errorFields, type Log } from '../../mesh/log.js';
import { requestHead } from '../../mesh/calls/request-head.js';
import type { RouteView } from '../../mesh/routing/route-view.js';
import { pickHeaders, ruleHeaders } from '../../mesh/routing/rule-match.js';
import type { Access, AccessLog } from '../access-log.js';
import type { Admission } from '../admission.js';
import { checkName } from '../infer-calls.js';
import type { Visitors } from './guarded.js';
import { isRaw, readRequest, writeResponse } from './infer-messages.js';
import type { ModelInferRequest, ModelInferResponse } from './proto/open_inference_grpc_pb.js';
import type { GrpcCall } from './rpc.js';

// A caller that leaves gets no status, but the log knows; the same number as at the REST door.
const CALLER_WENT_AWAY = 499;
const DEADLINE_PASSED = 504;
// Both sides of a gRPC call hang up at its deadline: an answer that says why must be there a little before.
const WAY_HOME_MS = 10;

export interface GrpcCallsParts {
  readonly dispatcher: Dispatcher;
  readonly view: RouteView;
  readonly access: AccessLog;
  readonly admission: Admission;
  readonly visitors: Visitors;
  readonly limitBytes: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

export class GrpcCalls {
  constructor(private readonly parts: GrpcCallsParts) {}

  /** `requestId`: of one request in a stream; else the metadata may have it. */
  async serve(
    message: ModelInferRequest,
    bytes: number,
    call: GrpcCall,
    requestId: string | undefined = textOf(call.metadata, headers.requestId),
  ): Promise<ModelInferResponse> {
    const access = this.parts.access.arrive(requestId, call.gone);
    call.trailer.set(headers.requestId.toLowerCase(), access.requestId);
    let status = 200;
    try {
      return await this.infer(message, bytes, call, access);
    } catch (error) {
      const reason = toFailure(error);
      access.code = reason.code;
      status = reason.http;
      if (reason.code === 'INTERNAL')
        this.parts.log.error('grpc.failed', {
          requestId: access.requestId,
          ...errorFields(reason.cause ?? reason),
        });
      throw reason;
    } finally {
      if (call.gone.aborted)
        status = this.parts.clock.now() < call.deadline ? CALLER_WENT_AWAY : DEADLINE_PASSED;
      this.parts.access.depart(access, 'grpc', status);
    }
  }

  private async infer(
    message: ModelInferRequest,
    bytes: number,
    call: GrpcCall,
    access: Access,
  ): Promise<ModelInferResponse> {
    const { dispatcher, view, admission } = this.parts;
    access.endpoint = checkName(message.modelName);
    this.parts.visitors.check(call, message.modelName);
    access.known = view.serves(message.modelName);
    const version = message.modelVersion || undefined;
    if (version !== undefined) access.asked = version;
    const leave = admission.enter(bytes);
    try {
      const body = encodeInferRequest(readRequest(message));
      const head = headOf(call.metadata, body, ruleHeaders(view.endpoint(message.modelName)));
      const limit = this.parts.limitBytes();
      if (body.bytes.length > limit) throw tooLarge('request', body.bytes.length, limit);
      const answer = await dispatcher.infer(message.modelName, body, {
        requestId: access.requestId,
        once: access.chosen,
        uncached: head.uncached,
        failFast: head.failFast,
        user: head.user,
        tenant: head.tenant,
        caller: head.caller,
        headers: head.ruled,
        version,
        timeoutMs: this.timeLeft(call.deadline, head.timeoutMs),
        priority: head.priority,
        sequence: head.sequence,
        traceparent: head.traceparent,
        signal: call.gone,
      });
      access.replica = answer.replica;
      access.attempts = answer.attempts;
      call.trailer.set(headers.replica.toLowerCase(), answer.replica);
      call.trailer.set(headers.attempts.toLowerCase(), String(answer.attempts));
      if (answer.cached !== undefined)
        call.trailer.set(headers.cache.toLowerCase(), answer.cached ? 'hit' : 'miss');
      const response = decodeInferResponse(answer.bytes, answer.jsonLength);
      access.version = response.modelVersion ?? '';
      return writeResponse(response, isRaw(message));
    } finally {
      leave();
    }
  }

  /** The deadline of the call, else what metadata or parameters say; undefined: the endpoint's own. */
  private timeLeft(deadline: number, timeoutMs: number | undefined): number | undefined {
    if (deadline === Infinity) return timeoutMs;
    const leftMs = deadline - this.parts.clock.now();
    if (leftMs <= 0) throw failure('DEADLINE', 'The time of this call was over before it was begun.');
    return Math.min(leftMs - Math.min(WAY_HOME_MS, leftMs / 10), TIMEOUT_MS_MAX);
  }
}

function headOf(
  metadata: Metadata,
  { bytes, jsonLength = bytes.length }: Body,
  ruled: ReadonlySet<string> | undefined,
): ReturnType<typeof requestHead> {
  const raw = {
    user: textOf(metadata, headers.user) ?? textOf(metadata, `${headers.user}-bin`),
    tenant: textOf(metadata, headers.tenant),
    caller: textOf(metadata, headers.caller),
    ruled: ruled && pickHeaders(ruled, (name) => textOf(metadata, name) ?? textOf(metadata, `${name}-bin`)),
    timeoutMs: textOf(metadata, headers.timeoutMs),
    priority: textOf(metadata, headers.priority),
    sequence: textOf(metadata, headers.sequence),
    sequenceStart: textOf(metadata, headers.sequenceStart),
    sequenceEnd: textOf(metadata, headers.sequenceEnd),
    traceparent: textOf(metadata, headers.traceparent),
    jsonLength: String(jsonLength),
    cache: textOf(metadata, headers.cache),
    failFast: textOf(metadata, headers.failFast),
  };
  return requestHead(raw, bytes);
}

/** Plain values of gRPC are ASCII; a key that ends in -bin carries UTF-8. */
function textOf(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name.toLowerCase()).map(String);
  // Repeated ones are joined as HTTP does it, which no value of ours may contain: refused as it stands.
  return values.length === 0 ? undefined : values.join(', ');
}
