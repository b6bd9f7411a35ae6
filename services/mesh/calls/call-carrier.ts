// What a call's course leans on, what is asked of it, and who carries it.
import type { Sequence } from '../../../contracts/body-parameters.js';
import type { Failure } from '../../../contracts/errors.js';
import type { Attempt } from './call-attempt.js';
import type { CallRules } from './call-rules.js';
import type { AttemptKind } from './dispatch-observer.js';
import type { EvidenceBook } from '../evidence/book.js';
import type { HedgeAfter, HedgeDelays } from './hedge-delay.js';
import type { Random } from '../random.js';
import type { FlightEnd } from '../routing/replica-entry.js';
import type { RetryBudget } from '../retry-budget.js';
import type { RouteView } from '../routing/route-view.js';
import type { WaitingRoom } from './waiting-room.js';

export interface CourseParts {
  /** `loaded`: before the catalog was ever read, no endpoint is unknown. */
  readonly view: Pick<RouteView, 'route' | 'linkFor' | 'setOut' | 'seated'> & { readonly loaded?: boolean };
  readonly rules: CallRules;
  readonly budget: RetryBudget;
  readonly hedges: RetryBudget;
  readonly delays: HedgeDelays;
  readonly random: Random;
  readonly nowMs: () => number;
  /** Where calls of endpoints with several arms are counted. */
  readonly evidence: EvidenceBook | undefined;
  /** For requests to endpoints that sleep; absent: they are told so. */
  readonly waiting?: Pick<WaitingRoom, 'enter'> | undefined;
}

export interface CourseRequest {
  readonly endpoint: string;
  readonly version: string | undefined;
  readonly user: string | undefined;
  readonly tenant: string | undefined;
  /** What rules go by, names in lower case. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly priority: number | undefined;
  /** At an endpoint that keeps them. */
  readonly sequence: Sequence | undefined;
  /** What the endpoint says of hedging. */
  readonly hedging: HedgeAfter | undefined;
  readonly timeoutMs: number;
  /** The caller itself said so, rather than its endpoint or nobody. */
  readonly ownTime?: boolean | undefined;
  /** Rather a refusal than a wait for an endpoint that sleeps. */
  readonly failFast?: boolean | undefined;
  /** Of a body that no message carries. */
  readonly bytesToFetch: number;
}

/** Who carries a call: sends what the course says and hears how it ends. */
export interface Carrier {
  /** Gives the attempt its token. Throws a Failure when it cannot be sent. */
  send(attempt: Attempt, leftMs: number): void;
  /** An attempt beyond the first is out. */
  more?(kind: AttemptKind): void;
  /** What is known of the attempt's replica now. */
  landed?(attempt: Attempt, end: FlightEnd, nowMs: number): void;
  /** Nobody waits any more for what its replica was asked. */
  callOff(attempt: Attempt): void;
  /** Nothing that comes for it counts any more. */
  close(attempt: Attempt): void;
  /** When some of the body was fetched for this attempt; while that goes on it is alive. */
  fetchedAtMs?(attempt: Attempt): number;
  /** It is over; with a failure the caller has yet to hear of it. */
  over(why: Failure | undefined, nowMs: number): void;
}
