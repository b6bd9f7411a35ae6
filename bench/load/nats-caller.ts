// A plain NATS caller for benchmarks under load: requests on a schedule of their own (Poisson) or in a closed loop, one subscription for all
// answers, and what became of each. No retries, no library of ours between: what is measured is the router's door.
import { setTimeout as sleep } from 'node:timers/promises';
import { headers as natsHeaders, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { headers } from '../../contracts/headers.js';
import type { Body } from '../../contracts/infer-body.js';
import { subjects } from '../../contracts/subjects.js';
import { inboxOf } from '../../services/mesh/bus-key.js';
import type { Random } from '../../services/mesh/random.js';

export interface Ended {
  readonly sentMs: number;
  readonly ms: number;
  /** `OK`, a code of ours, or `LATE` for what came after its deadline or not at all. */
  readonly code: string;
  readonly replica: string;
  readonly retryAfterMs: number;
}

interface Waiting {
  readonly sentMs: number;
  readonly done: (ended: Ended) => void;
}

const TICK_MS = 1;
/** For what may still come after its deadline. */
const GRACE_MS = 250;

export class NatsCaller {
  private readonly prefix: string;
  private readonly waiting = new Map<string, Waiting>();
  private tokens = 0;

  constructor(
    private readonly nc: NatsConnection,
    private readonly endpoint: string,
    private readonly body: Body,
    private readonly timeoutMs: number,
    private readonly random: Random,
  ) {
    this.prefix = inboxOf(nc);
    nc.subscribe(`${this.prefix}.*`, {
      callback: (error, message) => {
        if (error === null) this.heard(message.subject.slice(this.prefix.length + 1), message.headers);
      },
    });
  }

  /** So many callers that wait for each answer. Rejects when nobody gets one: figures of nothing are no figures. */
  async closed(callers: number, forMs: number): Promise<Ended[]> {
    const ended: Ended[] = [];
    const untilMs = performance.now() + forMs;
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (performance.now() < untilMs) ended.push(await this.ask());
      }),
    );
    return someAnswered(ended);
  }

  /** Arrivals that wait for nobody. Rejects when none is answered. */
  async open(perSecond: number, forMs: number): Promise<Ended[]> {
    const ended: Ended[] = [];
    const startMs = performance.now();
    let dueMs = startMs;
    let sent = 0;
    while (performance.now() - startMs < forMs) {
      for (; dueMs <= performance.now(); dueMs += this.gapMs(perSecond)) {
        sent++;
        void this.ask().then((one) => ended.push(one));
      }
      await sleep(TICK_MS);
    }
    while (ended.length < sent) await sleep(TICK_MS);
    return someAnswered(ended);
  }

  private gapMs(perSecond: number): number {
    return (-Math.log(1 - this.random()) * 1_000) / perSecond;
  }

  private ask(): Promise<Ended> {
    const token = String(++this.tokens);
    const sent = natsHeaders();
    sent.set(headers.timeoutMs, String(this.timeoutMs));
    if (this.body.jsonLength !== undefined) sent.set(headers.jsonLength, String(this.body.jsonLength));
    const sentMs = performance.now();
    return new Promise((resolve) => {
      const late = setTimeout(() => this.end(token, 'LATE', '', 0), this.timeoutMs + GRACE_MS);
      const done = (ended: Ended): void => {
        clearTimeout(late);
        resolve(ended);
      };
      this.waiting.set(token, { sentMs, done });
      this.nc.publish(subjects.infer(this.endpoint), this.body.bytes, {
        reply: `${this.prefix}.${token}`,
        headers: sent,
      });
    });
  }

  private heard(token: string, given: MsgHdrs | undefined): void {
    const waiting = this.waiting.get(token);
    if (!waiting) return;
    const late = performance.now() - waiting.sentMs > this.timeoutMs;
    const status = given?.get(headers.errorStatus) ?? '';
    const code = status === '' ? (late ? 'LATE' : 'OK') : given?.get(headers.errorCode) || status;
    this.end(token, code, given?.get(headers.replica) ?? '', Number(given?.get(headers.retryAfterMs) || 0));
  }

  private end(token: string, code: string, replica: string, retryAfterMs: number): void {
    const waiting = this.waiting.get(token);
    if (!waiting) return;
    this.waiting.delete(token);
    const { sentMs, done } = waiting;
    done({ sentMs, ms: performance.now() - sentMs, code, replica, retryAfterMs });
  }
}

function someAnswered(ended: Ended[]): Ended[] {
  if (ended.length > 0 && latencies(ended).length === 0)
    throw new Error(`none of ${ended.length} requests was answered: ${JSON.stringify(tally(ended))}`);
  return ended;
}

/** How many ended with each code. */
export function tally(ended: readonly Ended[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of ended) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

export const latencies = (ended: readonly Ended[]): number[] =>
  ended.filter(({ code }) => code === 'OK').map(({ ms }) => ms);
