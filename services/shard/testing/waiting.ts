// A request as it waits in an engine, made of a name, a time and a priority.
import { levelOf, rankOf } from '../engine/rank.js';
import type { Waiting } from '../engine/request-queue.js';

export const waiting = (name: string, readAtMs: number, priority = 0, timeoutMs = 1_000): Waiting => ({
  to: { sender: `_INBOX.${name}`, caller: '', requestId: name },
  headers: {
    jsonLength: undefined,
    requestId: name,
    reply: '',
    timeoutMs,
    endpoint: '',
    arm: '',
    priority,
    body: '',
    takesLarge: undefined,
    traceparent: '',
    plan: '',
    hops: '',
    step: 0,
    cacheS: 0,
    once: false,
    shadow: false,
  },
  body: new Uint8Array(),
  readAtMs,
  unreadMsMax: 0,
  timeoutMs,
  level: levelOf(priority),
  rank: rankOf(readAtMs, timeoutMs, levelOf(priority)),
});
