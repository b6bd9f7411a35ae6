// The NATS front door: requests to `massif.infer.<endpoint>` come in here, answers go from the engines straight to the callers,
// and what concerns the router alone (outcomes, retryable failures, nobody there) comes to its own inbox. Not through Nest's
// dispatch: a context, two promises and a decoder per message would cost more than all that is done here.
import { type Msg, nuid, type PublishOptions, type Subscription } from '@nats-io/transport-node';
import { ERRORS, type Failure, failure, toFailure } from '../../contracts/errors.js';
import { headers as names } from '../../contracts/headers.js';
import { tooLarge } from '../../contracts/large-body.js';
import { EndpointName, Label } from '../../contracts/names.js';
import { OUTCOMES_TOKEN } from '../../contracts/outcome.js';
import { isInbox, queues, subjects, wildcards } from '../../contracts/subjects.js';
import { Answer } from '../mesh/answer.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { AttemptKind } from '../mesh/calls/dispatch-observer.js';
import type { Endpoint } from '../mesh/endpoints.js';
import { headerBlock, headerLine, headerText } from '../mesh/header-block.js';
import type { EvidenceBook } from '../mesh/evidence/book.js';
import { readToken } from '../mesh/routing/itinerary.js';
import { linesOf, tokenOf } from '../mesh/routing/journey.js';
import { Mux } from '../mesh/calls/mux.js';
import type { Random } from '../mesh/random.js';
import type { Trip } from '../mesh/routing/replica-entry.js';
import { refusalOf, writtenOf } from '../mesh/refusal.js';
import { HEDGES, RetryBudget } from '../mesh/retry-budget.js';
import type { RouteView } from '../mesh/routing/route-view.js';
import { WaitingRoom } from '../mesh/calls/waiting-room.js';
import { ruleHeaders } from '../mesh/routing/rule-match.js';
import { ShadowMirror } from '../mesh/calls/shadow-mirror.js';
import { shadowCounter } from '../mesh/calls/shadow-counter.js';
import type { Metrics } from '../mesh/telemetry.js';
import type { Asked, Call, Wire } from './call.js';
import { Forwarder } from './forwarder.js';
import { attemptHeaders, callerHead } from './forward-headers.js';
import { inferTarget } from './infer-subject.js';
import { readOutcomes } from './outcomes.js';
import type { RefusalLog } from './refusal-log.js';
import type { RouterConfig } from './router.config.js';
import { RowCalls } from './row-calls.js';

export interface DoorParts {
  readonly bus: Bus;
  readonly view: RouteView;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: RouterConfig;
  readonly metrics: Metrics;
  /** Where calls of endpoints with several arms are counted. */
  readonly evidence?: EvidenceBook;
  readonly refusals: RefusalLog;
  /** Its line in the services protocol. */
  readonly endpoint: Endpoint;
}

// One sweep for all requests instead of a timer for each; time-outs are tens of milliseconds, so five more do no harm.
const SWEEP_MS = 5;
// A sweep this late means that our own loop was held up.
const HELD_UP_MS = 25;
// The sweep sleeps when there was nothing to do for so many turns.
const IDLE_SWEEPS = 200;
// Leaving waits this long for what is under way.
const LEAVE_MS_MAX = 3_000;
const LEAVE_LOOK_MS = 10;

export class RouterDoor implements Wire {
  private readonly forwarder: Forwarder;
  private readonly waiting: WaitingRoom;
  private readonly mux: Mux;
  private readonly mirror: ShadowMirror;
  private readonly seconds;
  private readonly dropped;
  private readonly extra;
  private readonly rows: RowCalls;
  private readonly stopHearing: () => void;
  private subscriptions: Subscription[] = [];
  private stopSweep: (() => void) | undefined;
  private sweptAtMs = 0;
  private idleSweeps = 0;

  constructor(private readonly parts: DoorParts) {
    const { bus, view, clock, random, config, metrics } = parts;
    const budget = new RetryBudget(clock);
    this.waiting = new WaitingRoom([bus], view.region, clock);
    this.forwarder = new Forwarder({
      view,
      wire: this,
      clock,
      random,
      budget,
      hedges: new RetryBudget(clock, HEDGES),
      evidence: parts.evidence,
      waiting: this.waiting,
      attemptsMax: config.attemptsMax,
    });
    this.mux = new Mux(bus, (token, message) => this.heard(token, message));
    this.mirror = new ShadowMirror({
      buses: [bus],
      view,
      clock,
      random,
      observer: shadowCounter(metrics),
      evidence: parts.evidence,
    });
    this.rows = new RowCalls(bus, view, { clock, random, bodyMaxBytes: config.bodyMaxBytes });
    this.stopHearing = view.onUsable(() => this.forwarder.wakeAll());
    this.seconds = metrics.histogram('massif_request_seconds', {
      help: 'From the arrival of a request at a door to its answer.',
      labels: ['endpoint', 'version', 'door', 'code'],
    });
    this.extra = metrics.counter('massif_extra_attempts_total', {
      help: 'Attempts beyond the first, by what they were for.',
      labels: ['door', 'kind'],
    });
    this.dropped = metrics.counter('massif_router_dropped_total', {
      help: 'Messages to massif.infer that cannot be answered, by what is wrong with their reply subject.',
      labels: ['why'],
    });
  }

  get held(): { readonly calls: number; readonly bytes: number } {
    return this.forwarder.held;
  }

  /** Ready means reachable: who is told so may send at once. */
  async open(): Promise<void> {
    const callback = (error: Error | null, message: Msg) => {
      if (!error) this.accept(message);
    };
    this.subscriptions = [wildcards.infer(), wildcards.inferVersion()].map((subject) =>
      this.parts.bus.nc.subscribe(subject, { queue: queues.router, callback }),
    );
    const calledOff = (error: Error | null, { reply }: Msg) => {
      if (!error && reply) this.forwarder.calledOff(reply);
    };
    this.subscriptions.push(this.parts.bus.nc.subscribe(subjects.callOff(), { callback: calledOff }));
    await this.parts.bus.nc.flush();
  }

  /** No new requests; those under way are seen through. */
  async close(): Promise<void> {
    const { bus, clock } = this.parts;
    if (bus.connected())
      await Promise.all(this.subscriptions.map((one) => one.drain().catch(() => undefined)));
    const untilMs = clock.monotonicMs() + LEAVE_MS_MAX;
    while (this.forwarder.held.calls + this.rows.inFlight > 0 && clock.monotonicMs() < untilMs)
      await clock.sleep(LEAVE_LOOK_MS);
    this.forwarder.abandon();
    this.rows.close();
    this.waiting.close();
    this.stopHearing();
    this.stopSweep?.();
    if (bus.connected()) await bus.nc.flush().catch(() => undefined);
  }

  forward(call: Call, trip: Trip, token: string, leftMs: number): void {
    const itinerary = linesOf(trip);
    const { body: bytes, head } = call.asked;
    const body = { bytes, jsonLength: head.jsonLength };
    this.mux.send(
      subjects.run(trip.replica.id),
      bytes,
      tokenOf(trip, token),
      attemptHeaders(call.steady, leftMs, call.attempts, itinerary, call.arm, body),
      itinerary.length,
    );
  }

  cancel(replica: string, token: string): void {
    this.mux.cancel(replica, token);
  }

  refuse({ asked, attempts }: Call, reason: Failure): void {
    const { requestId, endpoint, version } = asked;
    this.parts.refusals.refused(reason, { requestId, endpoint, version, attempts });
    this.send(asked.replyTo, reason, requestId, attempts);
  }

  again(_: Call, kind: AttemptKind): void {
    this.extra.inc({ door: 'nats', kind });
  }

  over({ asked, label, arrivedMs }: Call, http: number): void {
    const { view, clock, endpoint } = this.parts;
    const ms = clock.monotonicMs() - arrivedMs;
    // What callers invent becomes no label.
    const known = view.serves(asked.endpoint) ? asked.endpoint : '';
    this.seconds.observe({ endpoint: known, version: label, door: 'nats', code: String(http) }, ms / 1e3);
    if (http < 500) endpoint.answered(ms);
    else endpoint.refused(ms, `${asked.endpoint} ${http}`);
  }

  private accept(message: Msg): void {
    const replyTo = message.reply;
    if (!replyTo) return this.dropped.inc({ why: 'missing' });
    let requestId: string | undefined;
    try {
      if (!isInbox(replyTo)) return this.refuseReply(replyTo);
      this.checkRoom(message.data.length);
      const target = inferTarget(message.subject);
      this.checkNames(target.endpoint, target.version);
      const head = callerHead(message, ruleHeaders(this.parts.view.endpoint(target.endpoint)));
      requestId = head.requestId ?? nuid.next();
      this.checkSize(head.body?.bytes ?? message.data.length);
      if (this.rows.takes(target.endpoint, head))
        return void this.inRows({ ...target, head, requestId, replyTo, body: message.data });
      this.keepSweeping();
      this.forwarder.accept({ ...target, head, requestId, replyTo, body: message.data });
      // By now the real one is out.
      if (this.parts.view.endpoint(target.endpoint)?.shadow && !head.sequence && !head.body)
        this.mirror.offerTwice({
          ...target,
          user: head.user,
          tenant: head.tenant,
          headers: head.ruled,
          body: { bytes: message.data, jsonLength: head.jsonLength },
        });
    } catch (error) {
      const reason = toFailure(error);
      this.parts.refusals.refused(reason, { subject: message.subject.slice(0, 200), requestId });
      this.parts.endpoint.refused(0, reason.message);
      this.send(replyTo, reason, requestId, 0);
    }
  }

  private async inRows({ endpoint, version, head, requestId, replyTo, body }: Asked): Promise<void> {
    const startedMs = this.parts.clock.monotonicMs();
    const seen = (code: number): void => {
      const ms = this.parts.clock.monotonicMs() - startedMs;
      this.seconds.observe({ endpoint, version: '', door: 'nats', code: String(code) }, ms / 1e3);
      if (code < 500) this.parts.endpoint.answered(ms);
      else this.parts.endpoint.refused(ms, `${endpoint} ${code}`);
    };
    try {
      const whole = { bytes: body, jsonLength: head.jsonLength };
      const { bytes, lines } = await this.rows.infer(endpoint, version, head, whole, requestId);
      this.answer(replyTo, bytes, { headers: headerBlock(lines) });
      seen(200);
    } catch (error) {
      const reason = toFailure(error);
      this.parts.refusals.refused(reason, { requestId, endpoint, version });
      this.send(replyTo, reason, requestId, 1);
      seen(reason.http);
    }
  }

  /** An engine would not write there. Nor do we to subjects of ours or of the server: no stranger makes us. */
  private refuseReply(replyTo: string): void {
    if (/^(massif\.|\$)/.test(replyTo)) return this.dropped.inc({ why: 'internal' });
    const sentence = 'The reply subject must be an inbox, as NATS clients make them (_INBOX.>).';
    this.send(replyTo, failure('BAD_REQUEST', sentence), undefined, 0);
  }

  private checkRoom(bytes: number): void {
    const { calls: forwarded, bytes: heldBytes } = this.forwarder.held;
    const calls = forwarded + this.rows.inFlight;
    const { inFlightMax, heldMaxBytes } = this.parts.config;
    if (calls >= inFlightMax)
      throw failure('MAILBOX_FULL', `The router holds ${calls} requests already.`, { inFlightMax });
    if (calls > 0 && heldBytes + bytes > heldMaxBytes)
      throw failure('MAILBOX_FULL', `The router holds ${heldBytes} bytes of requests already.`, {
        heldMaxBytes,
      });
  }

  private checkSize(bytes: number): void {
    const { bodyMaxBytes } = this.parts.config;
    if (bytes > bodyMaxBytes) throw tooLarge('body', bytes, bodyMaxBytes);
  }

  /** A known endpoint has a good name; any other is looked at before it is quoted. */
  private checkNames(endpoint: string, version: string | undefined): void {
    if (!this.parts.view.serves(endpoint) && !EndpointName.safeParse(endpoint).success)
      throw failure('ENDPOINT_UNKNOWN', 'No endpoint can have such a name.');
    if (version !== undefined && !Label.safeParse(version).success)
      throw failure('VERSION_UNKNOWN', 'No version can have such a label.');
  }

  /** What comes to our inbox: outcomes of a batch, or something that concerns one attempt. */
  private heard(word: string, message: Msg): void {
    if (word === OUTCOMES_TOKEN) {
      const outcomes = readOutcomes(message.data);
      if (!outcomes) return;
      const { replica, limit, done } = outcomes;
      if (limit !== undefined) this.parts.view.replica(replica)?.hint(limit);
      this.forwarder.outcomes(done, replica);
      return;
    }
    const { token, step } = readToken(word);
    const call = this.forwarder.awaiting(token);
    const answer = new Answer(message);
    if (answer.nobody)
      return this.forwarder.failed(
        token,
        failure('REPLICA_LOST', `Nobody listens for ${call?.asked.endpoint ?? 'it'} on the replica.`),
        'unreachable',
        step,
      );
    const { passed } = answer;
    if (passed !== undefined) return this.forwarder.passed(token, step, passed);
    const trouble = answer.failure;
    if (trouble?.retryable) return this.forwarder.failed(token, trouble, undefined, step);
    // An engine that does not know the short way home: its answer is handed on.
    if (call) this.relay(call, message);
    this.forwarder.answered(token, trouble ? ERRORS[trouble.code].http : 200, step);
  }

  private relay({ asked }: Call, message: Msg): void {
    const text = headerText(message);
    const lines = text.slice(text.indexOf('\r\n') + 2, -2);
    this.answer(asked.replyTo, message.data, text === '' ? {} : { headers: headerBlock(lines) });
  }

  private send(replyTo: string, reason: Failure, requestId: string | undefined, attempts: number): void {
    const { headers, data } = refusalOf(writtenOf(reason), requestId, headerLine(names.attempts, attempts));
    this.answer(replyTo, data, { headers });
  }

  private answer(replyTo: string, data: Uint8Array, options: PublishOptions): void {
    try {
      this.parts.bus.nc.publish(replyTo, data, options);
    } catch {
      // The connection is closed: the caller finds out by itself.
    }
  }

  private keepSweeping(): void {
    this.idleSweeps = 0;
    if (this.stopSweep) return;
    this.sweptAtMs = this.parts.clock.monotonicMs();
    this.stopSweep = this.parts.clock.every(SWEEP_MS, () => this.sweep());
  }

  private sweep(): void {
    const now = this.parts.clock.monotonicMs();
    const heldUpMs = now - this.sweptAtMs - SWEEP_MS;
    this.sweptAtMs = now;
    if (heldUpMs > HELD_UP_MS) return this.forwarder.forgive(heldUpMs);
    if (this.forwarder.busy) {
      this.idleSweeps = 0;
      this.forwarder.sweep();
    } else if (++this.idleSweeps >= IDLE_SWEEPS) {
      this.stopSweep?.();
      this.stopSweep = undefined;
    }
  }
}
