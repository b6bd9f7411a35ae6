// What an engine says about its sequences to other engines of the same model, and what it hears. sequences.ts decides; nothing here
// keeps any state of a sequence.
import {
  headers as natsHeaders,
  type Msg,
  type NatsConnection,
  nuid,
  type Subscription,
} from '@nats-io/transport-node';
import { type Failure, failure, toFailure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import { HolderReply, SequenceTalk } from '../../../contracts/holders.js';
import { type Body, readJsonLength } from '../../../contracts/infer-body.js';
import { sequenceHeaders } from '../../../contracts/sequence.js';
import { subjects } from '../../../contracts/subjects.js';
import { errorReply, failureIn } from '../../mesh/error-reply.js';
import { headerBlock, headerLine, headerText } from '../../mesh/header-block.js';
import { itineraryLines } from '../../mesh/routing/itinerary.js';
import type { Waiting } from './request-queue.js';
import { digestOf } from './sequence.js';

export interface Listener {
  /** A step that another engine sent on. */
  step(sender: string, headerText: string, body: Uint8Array): void;
  /** Throws a Failure when it is not taken. */
  arrive(state: Body, digest: string): void;
  talk(said: SequenceTalk): void;
  /** The answer to `who`. */
  here(): HolderReply;
}

/** Every engine that is there answers within a few milliseconds; one that is in a run takes longer and is asked again. */
const WHO_MS = 250;
const HANDOVER_MS = 1_500;
/** Room for the headers inside the server's payload limit. */
const HEADER_BYTES_MAX = 1_024;

export class SequenceBus {
  readonly holder: string;
  private subscriptions: Subscription[] = [];

  constructor(
    private readonly nc: NatsConnection,
    replica: string,
    private readonly model: string,
    private readonly version: string,
  ) {
    this.holder = `${replica}_${nuid.next()}`;
  }

  get bytesMax(): number {
    return (this.nc.info?.max_payload ?? Infinity) - HEADER_BYTES_MAX;
  }

  open(listener: Listener): void {
    const callback = (hear: (message: Msg) => void) => ({
      callback: (error: Error | null, message: Msg) => {
        if (error === null) hear(message);
      },
    });
    this.subscriptions = [
      this.nc.subscribe(
        subjects.sequences(this.model),
        callback((message) => this.heard(message, listener)),
      ),
      this.nc.subscribe(
        subjects.sequenceHolder(this.holder),
        callback((message) => {
          if (message.headers?.has(headers.sequenceState)) this.arrived(message, listener);
          else listener.step(message.reply ?? '', headerText(message), message.data);
        }),
      ),
    ];
  }

  async close(): Promise<void> {
    await Promise.all(this.subscriptions.map((one) => one.drain().catch(() => undefined)));
  }

  say(said: SequenceTalk): void {
    this.publish(subjects.sequences(this.model), JSON.stringify(said));
  }

  /** Those of the same version that answer in a moment; never ourselves. */
  async who(): Promise<HolderReply[]> {
    const asked: SequenceTalk = { kind: 'who', holder: this.holder, version: this.version };
    const found: HolderReply[] = [];
    try {
      const answers = await this.nc.requestMany(subjects.sequences(this.model), JSON.stringify(asked), {
        strategy: 'timer',
        maxWait: WHO_MS,
      });
      for await (const message of answers) {
        const reply = HolderReply.safeParse(message.data.length === 0 ? undefined : message.json());
        if (reply.success && reply.data.holder !== this.holder) found.push(reply.data);
      }
    } catch {
      // Nobody there, or the connection is gone: then nobody can take anything over.
    }
    return found;
  }

  /** Settles when the other engine has it. Rejects with a Failure. */
  async handOver(to: string, state: Body): Promise<void> {
    const sent = natsHeaders();
    sent.set(headers.sequenceState, digestOf(state.bytes));
    if (state.jsonLength !== undefined) sent.set(headers.jsonLength, String(state.jsonLength));
    const subject = subjects.sequenceHolder(to);
    let message: Msg;
    try {
      message = await this.nc.request(subject, state.bytes, { timeout: HANDOVER_MS, headers: sent });
    } catch (cause) {
      throw failure('UNAVAILABLE', `${to} does not take the sequence.`, {}, cause);
    }
    const refused = failureIn(message);
    if (refused) throw refused;
  }

  /** The step as it came, to the engine that has its sequence; the answer goes to whoever asked. */
  forward(
    to: string,
    { to: address, headers: given, body, readAtMs, timeoutMs }: Waiting,
    nowMs: number,
  ): void {
    const leftMs = Math.max(1, Math.floor(timeoutMs - (nowMs - readAtMs)));
    let lines = headerLine(headers.timeoutMs, leftMs) + headerLine(headers.sequenceHop, 1);
    if (address.requestId !== '') lines += headerLine(headers.requestId, address.requestId);
    if (address.caller !== '') lines += headerLine(headers.reply, address.caller);
    if (given.endpoint !== '') lines += headerLine(headers.endpoint, given.endpoint);
    if (given.jsonLength !== undefined) lines += headerLine(headers.jsonLength, given.jsonLength);
    if (given.sequence)
      for (const [key, value] of sequenceHeaders(given.sequence)) lines += headerLine(key, value);
    if (given.plan !== '') lines += itineraryLines(given.plan, given.hops, given.step);
    if (given.sequenceCount !== undefined) lines += headerLine(headers.sequenceCount, given.sequenceCount);
    if (given.priority !== 0) lines += headerLine(headers.priority, given.priority);
    if (address.takesLarge !== undefined) lines += headerLine(headers.acceptBody, address.takesLarge);
    const options = { reply: address.sender, headers: headerBlock(lines) };
    this.publish(subjects.sequenceHolder(to), body, options);
  }

  private heard(message: Msg, listener: Listener): void {
    let said: SequenceTalk;
    try {
      said = SequenceTalk.parse(message.json());
    } catch {
      return; // another build's
    }
    if (said.holder === this.holder) return;
    if (said.kind !== 'who') return listener.talk(said);
    if (said.version === this.version) message.respond(JSON.stringify(listener.here()));
  }

  private arrived(message: Msg, listener: Listener): void {
    let refused: Failure | undefined;
    try {
      const digest = message.headers?.get(headers.sequenceState) ?? '';
      if (digestOf(message.data) !== digest)
        throw failure('BAD_REQUEST', 'The state of the sequence is not what was sent.');
      const jsonLength = readJsonLength(message.headers?.get(headers.jsonLength), message.data.length);
      listener.arrive({ bytes: message.data, jsonLength }, digest);
    } catch (error) {
      refused = toFailure(error);
    }
    if (!refused) return void message.respond();
    const { headers: written, data } = errorReply(refused);
    message.respond(data, { headers: written });
  }

  private publish(subject: string, data: string | Uint8Array, options = {}): void {
    try {
      this.nc.publish(subject, data, options);
    } catch {
      // Closed: whoever waits for an answer sees the connection go.
    }
  }
}
