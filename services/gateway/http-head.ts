// Picks from HTTP headers what an inference needs. What is acceptable is decided in mesh/request-head.ts, for both doors alike.
import type { IncomingHttpHeaders } from 'node:http';
import { headers } from '../../contracts/headers.js';
import { type RequestHead, requestHead } from '../mesh/calls/request-head.js';
import { pickHeaders } from '../mesh/routing/rule-match.js';

const names = {
  timeoutMs: headers.timeoutMs.toLowerCase(),
  user: headers.user.toLowerCase(),
  tenant: headers.tenant.toLowerCase(),
  caller: headers.caller.toLowerCase(),
  priority: headers.priority.toLowerCase(),
  jsonLength: headers.jsonLength.toLowerCase(),
  sequence: headers.sequence.toLowerCase(),
  sequenceStart: headers.sequenceStart.toLowerCase(),
  sequenceEnd: headers.sequenceEnd.toLowerCase(),
  cache: headers.cache.toLowerCase(),
  failFast: headers.failFast.toLowerCase(),
} as const;

/** `ruled`: what the endpoint's rules go by; undefined for nearly all of them. */
export function httpHead(
  sent: IncomingHttpHeaders,
  body: Uint8Array,
  ruled?: ReadonlySet<string>,
): RequestHead {
  const one = (name: string): string | undefined => {
    const value = sent[name];
    // Node joins repeated headers with a comma, which no value of ours may contain: refused as it stands.
    return Array.isArray(value) ? value.join(', ') : value;
  };
  // Node reads header bytes as Latin-1, NATS as UTF-8; the same user must fall into the same bucket at both doors.
  const text = (name: string): string | undefined => {
    const value = one(name);
    return value === undefined ? undefined : Buffer.from(value, 'latin1').toString();
  };
  return requestHead(
    {
      timeoutMs: one(names.timeoutMs),
      user: text(names.user),
      tenant: one(names.tenant),
      caller: one(names.caller),
      ruled: ruled && pickHeaders(ruled, text),
      priority: one(names.priority),
      traceparent: one(headers.traceparent),
      jsonLength: one(names.jsonLength),
      sequence: one(names.sequence),
      sequenceStart: one(names.sequenceStart),
      sequenceEnd: one(names.sequenceEnd),
      cache: one(names.cache),
      failFast: one(names.failFast),
    },
    body,
  );
}
