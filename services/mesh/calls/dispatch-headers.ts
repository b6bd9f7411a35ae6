// The header block of a direct call: what an engine must know and nothing more, since every header costs both sides.
import type { MsgHdrs } from '@nats-io/transport-node';
import type { Body } from '../../../contracts/body-tensors.js';
import type { Sequence } from '../../../contracts/body-parameters.js';
import { headers } from '../../../contracts/headers.js';
import { sequenceHeaders } from '../../../contracts/sequence.js';
import type { TakesLarge } from '../../../contracts/large-body.js';
import { headerBlock, headerLine } from '../header-block.js';

export interface SteadyHeaders {
  readonly endpoint: string;
  readonly requestId: string;
  readonly body: Body;
  readonly priority?: number | undefined;
  readonly sequence?: Sequence | undefined;
  readonly traceparent?: string | undefined;
  /** Whose key it was, for whoever watches. */
  readonly caller?: string | undefined;
  /** Of repeat-lines.ts. */
  readonly repeats?: string | undefined;
}

const TAKES_CHUNKS = headerLine(headers.acceptBody, 'chunks' satisfies TakesLarge);

/** `more`: the lines of a pipeline, and where a body lies that the message does not carry. */
export function attemptHeaders(of: SteadyHeaders, leftMs: number, attempt: number, more: string): MsgHdrs {
  let lines =
    more +
    headerLine(headers.requestId, of.requestId) +
    headerLine(headers.endpoint, of.endpoint) +
    headerLine(headers.timeoutMs, Math.max(1, Math.floor(leftMs))) +
    TAKES_CHUNKS +
    (of.repeats ?? '');
  if (of.body.jsonLength !== undefined) lines += headerLine(headers.jsonLength, of.body.jsonLength);
  if (attempt > 1) lines += headerLine(headers.attempt, attempt);
  if (of.priority) lines += headerLine(headers.priority, of.priority);
  if (of.sequence) for (const [key, value] of sequenceHeaders(of.sequence)) lines += headerLine(key, value);
  if (of.caller) lines += headerLine(headers.caller, of.caller);
  if (of.traceparent) lines += headerLine(headers.traceparent, of.traceparent);
  return headerBlock(lines, of.body);
}
