// The headers of a request on its way through the router: read from the caller's, written anew for the engine. Nothing that the
// caller sent is passed on unread: a Massif-Reply of a stranger's choosing would make an engine write to it.
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { Body } from '../../contracts/body-tensors.js';
import { headers } from '../../contracts/headers.js';
import { sequenceHeaders } from '../../contracts/sequence.js';
import { writeReference } from '../../contracts/large-body.js';
import { eachHeader, headerBlock, headerLine, headerText } from '../mesh/header-block.js';
import { repeatLines } from '../mesh/calls/repeat-lines.js';
import { type RawHead, type RequestHead, requestHead } from '../mesh/calls/request-head.js';

/** `ruled`: what the endpoint's rules go by; undefined for nearly all of them. */
export function callerHead(message: Msg, ruled?: ReadonlySet<string>): RequestHead {
  const raw: RawHead = {};
  const text = headerText(message);
  if (text !== '') eachHeader(text, (key, value) => assign(raw, key, value));
  if (ruled && text !== '') raw.ruled = valuesOf(text, ruled);
  return requestHead(raw, message.data);
}

function assign(raw: RawHead, key: string, value: string): void {
  switch (key) {
    case headers.requestId:
      raw.requestId = value;
      return;
    case headers.timeoutMs:
      raw.timeoutMs = value;
      return;
    case headers.jsonLength:
      raw.jsonLength = value;
      return;
    case headers.user:
      raw.user = value;
      return;
    case headers.tenant:
      raw.tenant = value;
      return;
    case headers.priority:
      raw.priority = value;
      return;
    case headers.traceparent:
      raw.traceparent = value;
      return;
    case headers.body:
      raw.body = value;
      return;
    case headers.acceptBody:
      raw.acceptBody = value;
      return;
    case headers.sequence:
      raw.sequence = value;
      return;
    case headers.sequenceStart:
      raw.sequenceStart = value;
      return;
    case headers.sequenceEnd:
      raw.sequenceEnd = value;
      return;
    case headers.failFast:
      raw.failFast = value;
      return;
    case headers.cache:
      raw.cache = value;
      return;
    default:
  }
}

/** The first value of each name counts, as it does everywhere on NATS. */
function valuesOf(text: string, names: ReadonlySet<string>): Record<string, string> {
  const values: Record<string, string> = {};
  eachHeader(text, (key, value) => {
    const name = key.toLowerCase();
    if (names.has(name)) values[name] ??= value;
  });
  return values;
}

/** The lines that are the same in every attempt. */
export function steadyLines(
  head: RequestHead,
  requestId: string,
  endpoint: string,
  replyTo: string,
  cacheS: number | undefined,
): string {
  let lines =
    headerLine(headers.requestId, requestId) +
    headerLine(headers.endpoint, endpoint) +
    headerLine(headers.reply, replyTo) +
    repeatLines({ once: head.requestId !== undefined, uncached: head.uncached }, cacheS);
  if (head.jsonLength !== undefined) lines += headerLine(headers.jsonLength, head.jsonLength);
  if (head.priority !== 0) lines += headerLine(headers.priority, head.priority);
  if (head.sequence)
    for (const [key, value] of sequenceHeaders(head.sequence)) lines += headerLine(key, value);
  if (head.traceparent !== undefined) lines += headerLine(headers.traceparent, head.traceparent);
  if (head.body !== undefined) lines += headerLine(headers.body, writeReference(head.body));
  if (head.takesLarge !== undefined) lines += headerLine(headers.acceptBody, head.takesLarge);
  return lines;
}

/** The block of one attempt: the way of a pipeline, what is left of the time, and which attempt it is. */
export function attemptHeaders(
  steady: string,
  leftMs: number,
  attempt: number,
  itinerary: string,
  arm: string | undefined,
  body: Body,
): MsgHdrs {
  const counted = attempt > 1 ? headerLine(headers.attempt, attempt) : '';
  return headerBlock(
    steady +
      (arm === undefined ? '' : headerLine(headers.arm, arm)) +
      itinerary +
      headerLine(headers.timeoutMs, Math.max(1, Math.floor(leftMs))) +
      counted,
    body,
  );
}
