// In front of a replica: a request whose body its message does not carry is fetched first and then handed on as if it had come whole.
// What that took is subtracted from its time. Between two chunks the engine runs other requests.
import { type Failure, toFailure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import { type BodyReference, readReference } from '../../../contracts/large-body.js';
import type { Clock } from '../../mesh/clock.js';
import { eachHeader, headerLine } from '../../mesh/header-block.js';
import type { LargeBodies } from '../../mesh/bodies/large-bodies.js';
import type { HeldBodies } from './held-bodies.js';
import type { ObjectBodies } from './object-bodies.js';
import { runHeaders } from './run-headers.js';

export interface LargeRequestParts {
  readonly bodies: LargeBodies;
  readonly objects: ObjectBodies;
  readonly held: HeldBodies;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export interface RunMessage {
  readonly sender: string;
  readonly headerText: string;
  readonly data: Uint8Array;
}

const BODY_LINE = `\r\n${headers.body}:`;

/** Whether its body has to be fetched. */
export const isLarge = (headerText: string): boolean => headerText.includes(BODY_LINE);

export class LargeRequests {
  private readonly fetching = new Map<string, AbortController>();

  constructor(private readonly parts: LargeRequestParts) {}

  /** The one who waits for it is answered nothing. */
  forget(sender: string): void {
    this.fetching.get(sender)?.abort();
  }

  /** Hands it on whole, or refuses it; never throws. */
  async fetch(
    message: RunMessage,
    handOn: (whole: RunMessage) => void,
    refuse: (error: Failure) => void,
  ): Promise<void> {
    const { clock, held } = this.parts;
    const startedMs = clock.monotonicMs();
    const over = new AbortController();
    this.fetching.set(message.sender, over);
    let whole: RunMessage;
    try {
      const { body, timeoutMs } = runHeaders(message.headerText);
      const data = await this.bodyOf(message, readReference(body), startedMs + timeoutMs, over.signal);
      const leftMs = Math.floor(timeoutMs - (clock.monotonicMs() - startedMs));
      whole = { ...message, data, headerText: asWhole(message.headerText, Math.max(0, leftMs)) };
    } catch (error) {
      held.release(message.sender);
      if (!over.signal.aborted) refuse(toFailure(error));
      return;
    } finally {
      this.fetching.delete(message.sender);
    }
    handOn(whole);
  }

  private bodyOf(
    { sender, data }: RunMessage,
    reference: BodyReference,
    untilMs: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { bodies, objects, held, clock } = this.parts;
    const room = (bytes: number): void => held.take(sender, bytes, untilMs, clock.monotonicMs());
    if (reference.kind === 'object') return objects.get(reference, room, untilMs);
    room(reference.bytes);
    return bodies.fetcher.fetch(reference, data, { untilMs, signal });
  }
}

/** The header block as it would be, had the body fitted into the message and been sent now. */
function asWhole(headerText: string, leftMs: number): string {
  let lines = '';
  eachHeader(headerText, (key, value) => {
    if (key !== headers.body && key !== headers.timeoutMs) lines += headerLine(key, value);
  });
  return `NATS/1.0\r\n${lines}${headerLine(headers.timeoutMs, leftMs)}\r\n`;
}
