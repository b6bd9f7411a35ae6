// One try of a call through one region's routers: the message, its answer, and what its failure means. routed-caller.ts decides
// what follows.
import { headers as natsHeaders, type Msg, NoRespondersError, RequestError } from '@nats-io/transport-node';
import { type Failure, failure, toFailure } from '../contracts/errors.js';
import { headers } from '../contracts/headers.js';
import { type Body, readJsonLength } from '../contracts/infer-body.js';
import { readReference, type TakesLarge } from '../contracts/large-body.js';
import { sequenceHeaders } from '../contracts/sequence.js';
import { subjects } from '../contracts/subjects.js';
import { type Bus, requestFailure } from '../services/mesh/bus.js';
import { failureIn } from '../services/mesh/error-reply.js';
import type { LargeBodies, OutgoingBody } from '../services/mesh/bodies/large-bodies.js';
import type { Answer, CallOptions } from './caller.js';

export interface RoutedCall extends CallOptions {
  readonly endpoint: string;
  readonly body: Body;
  /** Set when one message does not carry the body. */
  readonly large: OutgoingBody | undefined;
}

export type Outcome =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** `heard` is false when there was nobody to hear it: nothing was begun anywhere. */
  | { readonly kind: 'failed'; readonly why: Failure; readonly heard: boolean };

/** Never rejects. */
export async function attemptRouted(
  bus: Bus,
  call: RoutedCall,
  leftMs: number,
  attempt: number,
  way: { readonly bodies: LargeBodies; readonly untilMs: number; readonly over: AbortSignal },
): Promise<Outcome> {
  const { endpoint, version, body, large } = call;
  const subject = version === undefined ? subjects.infer(endpoint) : subjects.inferVersion(endpoint, version);
  const timeout = Math.max(1, Math.floor(leftMs));
  const broken = connectionLoss(bus);
  try {
    const sent = headersOf(call, timeout, attempt);
    if (large) sent.set(headers.body, large.referenceOn(way.bodies));
    const asked = bus.nc.request(subject, large ? large.beginning : body.bytes, { timeout, headers: sent });
    const message = await Promise.race([asked, broken.happens]);
    const why = failureIn(message);
    if (why) return { kind: 'failed', why, heard: true };
    return { kind: 'answer', answer: answerOf(message, await wholeOf(message, way, broken.happens)) };
  } catch (error) {
    return { kind: 'failed', why: requestFailure(subject, error), heard: !isNobody(error) };
  } finally {
    broken.ignore();
  }
}

function headersOf(call: RoutedCall, timeoutMs: number, attempt: number) {
  const { requestId, user, tenant, priority, sequence, body } = call;
  const sent = natsHeaders();
  sent.set(headers.requestId, requestId);
  sent.set(headers.timeoutMs, String(timeoutMs));
  sent.set(headers.attempt, String(attempt));
  sent.set(headers.acceptBody, 'chunks' satisfies TakesLarge);
  if (body.jsonLength !== undefined) sent.set(headers.jsonLength, String(body.jsonLength));
  for (const name in call.headers) if (!isOurs(name)) sent.set(name, call.headers[name] as string);
  if (sequence) for (const [key, value] of sequenceHeaders(sequence)) sent.set(key, value);
  if (user !== undefined) sent.set(headers.user, user);
  if (tenant !== undefined) sent.set(headers.tenant, tenant);
  if (priority !== undefined) sent.set(headers.priority, String(priority));
  if (call.uncached) sent.set(headers.cache, 'no');
  if (call.failFast) sent.set(headers.failFast, '1');
  return sent;
}

/** What a caller adds may not change what the mesh says to itself. */
const isOurs = (name: string): boolean => /^(massif|nats|inference)-|^(traceparent|retry-after)$/.test(name);

function answerOf(message: Msg, bytes: Uint8Array): Answer {
  const header = (name: string): string => message.headers?.get(name) ?? '';
  try {
    const jsonLength = readJsonLength(header(headers.jsonLength), bytes.length);
    const attempts = Number(header(headers.attempts)) || 1;
    const arm = header(headers.arm) || undefined;
    const cache = header(headers.cache);
    const cached = cache === '' ? undefined : cache === 'hit';
    return { bytes, jsonLength, replica: header(headers.replica), attempts, arm, cached };
  } catch (error) {
    throw failure('INTERNAL', 'The answer cannot be read.', {}, toFailure(error));
  }
}

/** An answer above what a message carries is fetched from the engine that has it. */
async function wholeOf(
  message: Msg,
  { bodies, untilMs, over: signal }: Parameters<typeof attemptRouted>[4],
  broken: Promise<never>,
): Promise<Uint8Array> {
  const header = message.headers?.get(headers.body) ?? '';
  if (header === '') return message.data;
  const reference = readReference(header);
  if (reference.kind !== 'chunks') throw failure('INTERNAL', 'The answer lies where nobody asked for it.');
  const silentMsMax = Number.POSITIVE_INFINITY; // an engine that computes is silent; the deadline ends it
  const fetched = bodies.fetcher.fetch(reference, message.data, { untilMs, silentMsMax, last: true, signal });
  return Promise.race([fetched, broken]);
}

const isNobody = (error: unknown): boolean =>
  error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());

/** A request on a connection that breaks would wait out its time. */
function connectionLoss(bus: Bus): { happens: Promise<never>; ignore: () => void } {
  let ignore: () => void = () => undefined;
  const happens = new Promise<never>((_, reject) => {
    ignore = bus.onStatus((state) => {
      if (state !== 'connected')
        reject(failure('UNAVAILABLE', `The connection to region ${bus.region} broke.`));
    });
  });
  return { happens, ignore: () => ignore() };
}
