// Answers to many requests over one subscription a connection: each request gets a token, the reply subject is `<prefix>.<token>`.
// Unlike the client's own request() it makes no timer, no promise and no stack per request, and an answer may come to a token more
// than once, or to no token at all: the router hears outcomes that way. Dispatcher and router lean on it.
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { failure } from '../../../contracts/errors.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../bus.js';
import { inboxOf } from '../bus-key.js';
import { readToken } from '../routing/itinerary.js';
import { messageBytesMax } from '../bodies/large-bodies.js';

/** `step`: of a pipeline, which of its steps the message is about. */
export type OnAnswer = (message: Msg, step: number) => void;

export class Mux {
  /** An inbox of ours, without the dot before the token. */
  readonly prefix: string;
  private readonly waiting = new Map<string, OnAnswer>();
  private tokens = 0;

  /** `onStray` gets what comes to words that are no token, such as `outcomes`. Tokens are decimal numbers. */
  constructor(
    readonly bus: Bus,
    private readonly onStray: (word: string, message: Msg) => void = () => undefined,
  ) {
    this.prefix = inboxOf(bus.nc);
    const start = this.prefix.length + 1;
    bus.nc.subscribe(`${this.prefix}.*`, {
      callback: (error, message) => {
        if (error) return;
        const word = message.subject.slice(start);
        const known = this.waiting.get(word);
        if (known) return known(message, 0);
        const { token, step } = readToken(word);
        const call = this.waiting.get(token);
        if (call) call(message, step);
        else this.onStray(word, message);
      },
    });
  }

  get open(): number {
    return this.waiting.size;
  }

  /** A token whose answers go to `call` until it is closed. */
  expect(call: OnAnswer): string {
    const token = String(++this.tokens);
    this.waiting.set(token, call);
    return token;
  }

  close(token: string): void {
    this.waiting.delete(token);
  }

  /** Asks the engines of a replica to forget what was sent with this token, if it still waits there. */
  cancel(replica: string, token: string): void {
    try {
      this.bus.nc.publish(subjects.cancel(replica), undefined, { reply: `${this.prefix}.${token}` });
    } catch {
      // The connection is gone, and the request's answer with it.
    }
  }

  /**
   * Throws TOO_LARGE for what the server would not take, UNAVAILABLE when the connection is gone. `extraBytes`: of headers that
   * are longer than usual.
   */
  send(subject: string, data: Uint8Array, token: string, headers: MsgHdrs, extraBytes = 0): void {
    const { nc } = this.bus;
    const limit = messageBytesMax(nc) - extraBytes;
    if (data.length > limit)
      throw failure('TOO_LARGE', `The body has ${data.length} bytes, the bus carries ${limit}.`, { limit });
    try {
      nc.publish(subject, data, { reply: `${this.prefix}.${token}`, headers });
    } catch (error) {
      throw failure(
        'UNAVAILABLE',
        `The connection to NATS of region ${this.bus.region} is closed.`,
        {},
        error,
      );
    }
  }
}
