// One message at a time to one owner of some state, with a bounded mailbox, a deadline on every message and restarts when it
// crashes. The actor system makes them; jobs, leaders and sequences are behaviours.
import { type Failure, Failure as FailureClass, failure } from '../../contracts/errors.js';
import type { Clock } from './clock.js';
import { deadlineIn, type Deadline, outOfTime } from './deadline.js';
import { errorFields, type Log } from './log.js';
import { Mailbox, type MailboxLimits } from './mailbox.js';
import type { Random } from './random.js';
import { RecentRequests } from './recent-requests.js';
import { Supervisor } from './supervisor.js';

export interface Behaviour<M, R> {
  /** Before the first message, and again after every restart; a fresh object each time, so nothing of the crash is left. */
  started?(signal: AbortSignal): Promise<void>;
  /**
   * A Failure thrown here is an answer like any other. Any other error is a crash: the asker gets INTERNAL, this object is dropped
   * and another one made. The signal fires when the message's time is over; the next message waits until this one has ended.
   */
  receive(message: M, signal: AbortSignal): Promise<R> | R;
  /** Passivated, or stopped. What must last is written down here at the latest. */
  stopped?(): Promise<void>;
}

export interface Ask {
  readonly timeoutMs: number;
  /** With one, a message that comes twice has its effect once. */
  readonly requestId?: string;
  readonly bytes?: number;
}

export interface ActorParts<M, R> {
  readonly address: string;
  readonly make: () => Behaviour<M, R>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: MailboxLimits;
  /** It crashed too often and has stopped: the matter of whoever started it. */
  readonly escalate: (address: string, cause: unknown) => void;
}

interface Envelope<M, R> {
  readonly message: M;
  readonly deadline: Deadline;
  readonly timeoutMs: number;
  readonly resolve: (answer: R) => void;
  readonly reject: (reason: Failure) => void;
}

export type ActorState = 'idle' | 'working' | 'restarting' | 'stopping' | 'stopped';

export class Actor<M, R> {
  private current: ActorState = 'idle';
  private behaviour: Behaviour<M, R> | undefined;
  private readonly mailbox: Mailbox<Envelope<M, R>>;
  private readonly recent: RecentRequests<R>;
  private readonly supervisor: Supervisor;
  private readonly life = new AbortController();
  private working: Promise<void> = Promise.resolve();
  private idleSince: number;

  constructor(private readonly parts: ActorParts<M, R>) {
    this.mailbox = new Mailbox(parts.address, parts.limits);
    this.recent = new RecentRequests(parts.clock);
    this.supervisor = new Supervisor(parts.random);
    this.idleSince = parts.clock.monotonicMs();
  }

  get state(): ActorState {
    return this.current;
  }

  get depth(): number {
    return this.mailbox.depth;
  }

  /** 0 while there is anything to do. */
  get idleMs(): number {
    return this.current === 'idle' ? this.parts.clock.monotonicMs() - this.idleSince : 0;
  }

  /** Rejects with a Failure: the behaviour's own, MAILBOX_FULL, DEADLINE, or UNAVAILABLE when the actor has stopped. */
  ask(message: M, { requestId, ...ask }: Ask): Promise<R> {
    return requestId === undefined
      ? this.enqueue(message, ask)
      : this.recent.once(requestId, () => this.enqueue(message, ask));
  }

  /** Lets the message under way end, refuses the rest. */
  async stop(): Promise<void> {
    if (this.current === 'stopped') return;
    this.current = 'stopping';
    this.life.abort(this.gone());
    this.refuseAll(this.gone());
    await this.working;
    await this.behaviour?.stopped?.();
    this.current = 'stopped';
  }

  private enqueue(message: M, { timeoutMs, bytes }: Omit<Ask, 'requestId'>): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.life.signal.aborted) return reject(this.gone());
      if (timeoutMs <= 0) return reject(this.late(timeoutMs));
      const deadline = deadlineIn(this.parts.clock, timeoutMs);
      this.mailbox.put({ message, deadline, timeoutMs, resolve, reject }, bytes); // throws, which rejects
      if (this.current !== 'idle') return;
      this.current = 'working';
      this.working = this.work();
    });
  }

  private async work(): Promise<void> {
    for (let next = this.mailbox.take(); next; next = this.mailbox.take()) {
      if (next.deadline.expired()) next.reject(this.late(next.timeoutMs));
      else await this.handle(next);
      if (this.life.signal.aborted) return;
    }
    this.current = 'idle';
    this.idleSince = this.parts.clock.monotonicMs();
  }

  private async handle({ message, deadline, timeoutMs, resolve, reject }: Envelope<M, R>): Promise<void> {
    const over = new AbortController();
    const cancel = this.parts.clock.after(deadline.leftMs(), () => {
      reject(this.late(timeoutMs)); // the asker learns it now; the message itself ends when it ends
      over.abort(this.late(timeoutMs));
    });
    try {
      this.behaviour ??= await this.begin();
      resolve(await this.behaviour.receive(message, over.signal));
    } catch (error) {
      if (error instanceof FailureClass) return reject(error);
      reject(failure('INTERNAL', `${this.parts.address} failed on this message.`, {}, error));
      await this.crashed(error);
    } finally {
      cancel();
    }
  }

  private async begin(): Promise<Behaviour<M, R>> {
    const fresh = this.parts.make();
    await fresh.started?.(this.life.signal);
    return fresh;
  }

  private async crashed(error: unknown): Promise<void> {
    const { address, clock, log, escalate } = this.parts;
    this.behaviour = undefined;
    const verdict = this.supervisor.crashed(clock.monotonicMs());
    log.error('actor.crashed', { address, ...verdict, ...errorFields(error) });
    if (verdict.kind === 'restart') {
      this.current = 'restarting';
      await clock.sleep(verdict.afterMs, this.life.signal).catch(() => undefined); // stopped meanwhile
      if (!this.life.signal.aborted) this.current = 'working';
      return;
    }
    this.life.abort(this.gone());
    this.refuseAll(this.gone());
    this.current = 'stopped';
    escalate(address, error);
  }

  private refuseAll(reason: Failure): void {
    for (let next = this.mailbox.take(); next; next = this.mailbox.take()) next.reject(reason);
  }

  private gone(): Failure {
    return failure('UNAVAILABLE', `${this.parts.address} has stopped.`);
  }

  private late(timeoutMs: number): Failure {
    return outOfTime(`The message to ${this.parts.address}`, timeoutMs);
  }
}
