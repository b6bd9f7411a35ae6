// Picks from HTTP headers what an inference needs. What is acceptable is decided in mesh/request-head.ts, for both doors alike.
import type { IncomingHttpHeaders } from 'node:http';
import { headers } from '../../contracts/headers.js';
import { type RequestHead, requestHead } from '../mesh/request-head.js';

const names = {
  timeoutMs: headers.timeoutMs.toLowerCase(),
  user: headers.user.toLowerCase(),
  priority: headers.priority.toLowerCase(),
  jsonLength: headers.jsonLength.toLowerCase(),
} as const;

export function httpHead(sent: IncomingHttpHeaders, body: Uint8Array): RequestHead {
  const one = (name: string): string | undefined => {
    const value = sent[name];
    // Node joins repeated headers with a comma, which no value of ours may contain: refused as it stands.
    return Array.isArray(value) ? value.join(', ') : value;
  };
  const user = one(names.user);
  return requestHead(
    {
      timeoutMs: one(names.timeoutMs),
      // Node reads header bytes as Latin-1, NATS as UTF-8; the same user must fall into the same bucket at both doors.
      user: user === undefined ? undefined : Buffer.from(user, 'latin1').toString(),
      priority: one(names.priority),
      traceparent: one(headers.traceparent),
      jsonLength: one(names.jsonLength),
    },
    body,
  );
}
