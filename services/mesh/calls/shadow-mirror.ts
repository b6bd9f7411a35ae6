// Sends copies of some requests to an endpoint's shadow arm, after the real one is out, and compares the answers. It touches neither
// caller nor retry budget nor breakers; what is above its own small room is dropped, never queued. Router and dispatcher each have one:
// where the real answer comes through us it is compared with, and where it goes straight to the caller (router) the real arm is asked
// once more, so that the caller's way stays the short one.
import { nuid } from '@nats-io/transport-node';
import type { Body } from '../../../contracts/body-tensors.js';
import { headers, PRIORITY_MAX } from '../../../contracts/headers.js';
import type { Digest } from '../../../contracts/names.js';
import { armOf } from '../../../contracts/registry.js';
import { type Shadow, WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import { subjects } from '../../../contracts/subjects.js';
import { Answer } from '../answer.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import { attemptHeaders } from './dispatch-headers.js';
import type { EvidenceBook } from '../evidence/book.js';
import { headerLine } from '../header-block.js';
import { Mux } from './mux.js';
import type { Random } from '../random.js';
import type { ReplicaEntry } from '../routing/replica-entry.js';
import type { RouteRequest } from '../routing/route.js';
import type { RouteView } from '../routing/route-view.js';
import { compareAnswers } from './shadow-compare.js';

/** What came of one copy, for those who count. */
export interface ShadowEnd {
  readonly endpoint: string;
  readonly arm: string;
  readonly epoch: number;
  readonly failed: boolean;
  /** Another label, or further away than the tolerance. */
  readonly disagreed: boolean;
  readonly difference: number;
  /** ln(shadow's latency / real latency). */
  readonly lnRatio: number;
}

export interface ShadowObserver {
  /** Both answers are there, or the shadow failed where the real arm answered. */
  shadowed?(end: ShadowEnd): void;
  /** No room for the copy. */
  shadowDropped?(endpoint: string): void;
}

export interface ShadowMirrorParts {
  readonly buses: readonly Bus[];
  readonly view: Pick<RouteView, 'endpoint' | 'route' | 'replica' | 'linkFor'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: ShadowObserver;
  /** Where releases read what came of the copies. */
  readonly evidence?: Pick<EvidenceBook, 'shadowed'> | undefined;
}

export type Mirrorable = Omit<RouteRequest, 'exclude'> & { readonly body: Body };

// Room for copies: it bounds what they may cost this process and the engines.
const COPIES_MAX = 16;
const COPY_BYTES_MAX = 16 * 1024 * 1024;
const COPY_TIMEOUT_MS_MAX = 5_000;

interface Answered {
  readonly bytes: Uint8Array;
  readonly jsonLength: number | undefined;
  readonly latencyMs: number;
}

/** The two answers to one request; told when both are known. */
export interface Pair {
  /** Undefined: it failed, so there is nothing to compare with. */
  real(answer: Answered | undefined): void;
}

export class ShadowMirror {
  private readonly muxes: (Mux | undefined)[] = [];
  private copies = 0;
  private bytes = 0;

  constructor(private readonly parts: ShadowMirrorParts) {}

  /** Copies under way. */
  get underWay(): number {
    return this.copies;
  }

  /** Call it when the real request is out. Undefined: no copy; whoever gets a pair tells it the real answer. */
  offer(request: Mirrorable): Pair | undefined {
    const endpoint = this.parts.view.endpoint(request.endpoint);
    const shadow = endpoint?.shadow;
    // Whoever asks for a version by name wants that one; state is kept in one place.
    if (!shadow || request.version !== undefined || endpoint.stateful === true) return undefined;
    if (Math.floor(this.parts.random() * WEIGHT_TOTAL) >= shadow.share) return undefined;
    const version = endpoint.variants.find((variant) => armOf(variant) === shadow.arm)?.version;
    if (version === undefined) return undefined;
    if (this.copies >= COPIES_MAX || this.bytes + request.body.bytes.length > COPY_BYTES_MAX) {
      this.parts.observer.shadowDropped?.(request.endpoint);
      return undefined;
    }
    return this.pair(request, shadow, version, endpoint.epoch ?? 0);
  }

  /** The real answer does not come through us: the real arm is asked once more, as a copy too. */
  offerTwice(request: Mirrorable): void {
    const pair = this.offer(request);
    if (!pair) return;
    const decision = this.parts.view.route(request);
    if (decision.kind === 'refused') return pair.real(undefined);
    this.copy(request, decision.version, decision.arm, (answer) => pair.real(answer));
  }

  private pair(request: Mirrorable, shadow: Shadow, version: Digest, epoch: number): Pair {
    let real: Answered | undefined | 'awaited' = 'awaited';
    let copy: Answered | undefined | 'awaited' = 'awaited';
    const settle = (): void => {
      if (real === 'awaited' || copy === 'awaited' || real === undefined || !shadow.compare) return;
      this.tell(request.endpoint, shadow, epoch, real, copy);
    };
    this.copy(request, version, shadow.arm, (answer) => {
      copy = answer;
      settle();
    });
    return {
      real: (answer) => {
        real = answer;
        settle();
      },
    };
  }

  /** Sends to one replica of the version; `done` is called once, without an answer when there is none in time. */
  private copy(
    request: Mirrorable,
    version: Digest,
    arm: string,
    done: (answer: Answered | undefined) => void,
  ): void {
    const { view, clock } = this.parts;
    const { endpoint, user, body } = request;
    const decision = view.route({ endpoint, user, version });
    const replica =
      decision.kind === 'replica' ? (view.replica(decision.replica.id) as ReplicaEntry) : undefined;
    const link = replica ? view.linkFor(replica) : -1;
    const mux = link < 0 ? undefined : this.muxOf(link);
    if (!replica || !mux) return done(undefined);
    const startedMs = clock.monotonicMs();
    const timeoutMs = Math.min(
      view.endpoint(endpoint)?.timeoutMs ?? COPY_TIMEOUT_MS_MAX,
      COPY_TIMEOUT_MS_MAX,
    );
    let over = false;
    const end = (answer: Answered | undefined): void => {
      if (over) return;
      over = true;
      this.copies--;
      this.bytes -= body.bytes.length;
      mux.close(token);
      cancel();
      done(answer);
    };
    const token = mux.expect((message) => {
      const answer = new Answer(message);
      if (answer.nobody || answer.failure || answer.reference !== '') return end(undefined);
      const { bytes, jsonLength } = answer;
      end({ bytes, jsonLength, latencyMs: clock.monotonicMs() - startedMs });
    });
    const cancel = clock.after(timeoutMs, () => end(undefined));
    this.copies++;
    this.bytes += body.bytes.length;
    const steady = { endpoint, requestId: nuid.next(), body, priority: PRIORITY_MAX };
    try {
      const marked = headerLine(headers.shadow, arm);
      mux.send(subjects.run(replica.id), body.bytes, token, attemptHeaders(steady, timeoutMs, 1, marked));
    } catch {
      end(undefined); // too large for a message, or no connection: then there is no copy
    }
  }

  private muxOf(link: number): Mux | undefined {
    const bus = this.parts.buses[link];
    return bus && (this.muxes[link] ??= new Mux(bus));
  }

  private tell(
    endpoint: string,
    { arm, tolerance }: Shadow,
    epoch: number,
    real: Answered,
    copy: Answered | undefined,
  ): void {
    const { observer, evidence } = this.parts;
    const end = { endpoint, arm, epoch, ...outcomeOf(real, copy, tolerance) };
    observer.shadowed?.(end);
    evidence?.shadowed(endpoint, arm, epoch, end);
  }
}

const FAILED = { failed: true, disagreed: false, difference: 0, lnRatio: 0 };

function outcomeOf(
  real: Answered,
  copy: Answered | undefined,
  tolerance: number,
): Pick<ShadowEnd, 'failed' | 'disagreed' | 'difference' | 'lnRatio'> {
  if (!copy) return FAILED;
  try {
    const { difference, sameLabels } = compareAnswers(real, copy);
    return {
      failed: false,
      disagreed: !sameLabels || difference > tolerance,
      // Evidence is sums: what is infinitely far away must not swallow all else.
      difference: Math.min(difference, 1),
      lnRatio: Math.log(Math.max(copy.latencyMs, 0.01) / Math.max(real.latencyMs, 0.01)),
    };
  } catch {
    return FAILED; // an answer that nobody can read
  }
}
