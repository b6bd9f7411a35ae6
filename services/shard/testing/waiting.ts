// A request as it waits in an engine, made of a name, a time and a priority.
import { levelOf, rankOf } from '../engine/rank.js';
import type { Waiting } from '../engine/request-queue.js';
import { runHeaders } from '../engine/run-headers.js';

export const waiting = (name: string, readAtMs: number, priority = 0, timeoutMs = 1_000): Waiting => ({
  to: { sender: `_INBOX.${name}`, caller: '', requestId: name },
  headers: { ...runHeaders(''), requestId: name, timeoutMs, priority },
  body: new Uint8Array(),
  readAtMs,
  unreadMsMax: 0,
  timeoutMs,
  level: levelOf(priority),
  rank: rankOf(readAtMs, timeoutMs, levelOf(priority)),
});
