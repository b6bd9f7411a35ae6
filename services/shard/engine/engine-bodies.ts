// All that an engine needs for bodies above what a message carries, put together: what it fetches, what it keeps for others, and
// how much of it. Served replicas take their messages and their answers through it.
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Failure } from '../../../contracts/errors.js';
import type { Clock } from '../../mesh/clock.js';
import { headerText } from '../../mesh/header-block.js';
import { SmallMessages } from '../../mesh/calls/small-message.js';
import { LargeBodies } from '../../mesh/bodies/large-bodies.js';
import { Answers, returnAddress } from './answers.js';
import { HeldBodies } from './held-bodies.js';
import { LargeAnswers } from './large-answers.js';
import { isLarge, LargeRequests } from './large-requests.js';
import { ObjectBodies } from './object-bodies.js';
import type { Outbox } from './outbox.js';
import { runHeaders } from './run-headers.js';

export interface EngineBodiesParts {
  readonly nc: NatsConnection;
  readonly clock: Clock;
  readonly region: string;
  /** Of one body, request or answer. */
  readonly bodyMaxBytes: number;
  readonly outbox: Outbox;
}

/** Bodies of the largest size that an engine holds at once, requests and answers each. */
const HELD_BODIES = 2;

export class EngineBodies {
  private readonly held: HeldBodies;
  private readonly requests: LargeRequests;
  private readonly largeAnswers: LargeAnswers;
  private readonly small: SmallMessages;

  constructor(private readonly parts: EngineBodiesParts) {
    const { nc, clock, region, bodyMaxBytes } = parts;
    const limits = { bodyMaxBytes, heldMaxBytes: HELD_BODIES * bodyMaxBytes };
    const bodies = new LargeBodies(nc, clock, limits);
    const objects = new ObjectBodies(nc, region, clock);
    this.held = new HeldBodies(limits);
    this.small = new SmallMessages(nc);
    this.requests = new LargeRequests({ bodies, objects, held: this.held, clock });
    this.largeAnswers = new LargeAnswers({ bodies, objects, limits, region, clock });
  }

  answersOf(replica: string): Answers {
    const { nc, clock, outbox } = this.parts;
    const released = (sender: string): void => this.held.release(sender);
    return new Answers(nc, replica, clock, outbox, this.largeAnswers, released, this.small);
  }

  /** Its caller does not want an answer any more: what is not here yet is not fetched. */
  forget(sender: string): void {
    this.requests.forget(sender);
    this.held.release(sender);
  }

  /** Hands a message on, with its whole body. `subjectBytes`: of the subject that it came to. */
  arrived(
    message: Msg,
    subjectBytes: number,
    answers: Answers,
    accept: (sender: string, headerText: string, data: Uint8Array) => void,
  ): void {
    const { data, reply: sender = '' } = message;
    const text = headerText(message, data, subjectBytes);
    if (!isLarge(text)) return accept(sender, text, data);
    void this.requests.fetch(
      { sender, headerText: text, data },
      (whole) => accept(sender, whole.headerText, whole.data),
      (error) => refuse(answers, sender, text, error),
    );
  }
}

function refuse(answers: Answers, sender: string, text: string, error: Failure): void {
  let to;
  try {
    to = returnAddress(sender, runHeaders(text));
  } catch {
    // What is wrong with its headers is the error itself.
    to = returnAddress(sender, { reply: '', requestId: '', arm: '', takesLarge: undefined });
  }
  if (to) answers.error(to, error, 0);
}
