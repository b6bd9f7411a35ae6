// The actors of a process by their addresses: made when the first message comes, put to sleep when idle, stopped with the process.
// An address is a subject, so whoever answers on that subject hands the message to ask(). Where at most one activation may exist in
// the whole mesh, the kind names a lease: its epoch fences what the behaviour writes.
import assert from 'node:assert';
import { failure } from '../../contracts/errors.js';
import { Actor, type Ask, type Behaviour } from './actor.js';
import type { Clock } from './clock.js';
import { errorFields, type Log, silentLog } from './log.js';
import type { MailboxLimits } from './mailbox.js';
import { toPassivate } from './passivation.js';
import type { Random } from './random.js';

/** What a lease must be for an activation; mesh/lease.ts has the real one. */
export interface ActivationLease {
  readonly epoch: number;
  /** Fires when somebody else may have it. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface ActorKind<M, R> {
  /** A new behaviour, for the first message and after every crash. `epoch` is 0 without a lease. */
  readonly make: (address: string, epoch: number) => Behaviour<M, R>;
  readonly limits?: MailboxLimits;
  readonly idleMs?: number;
  readonly lease?: (address: string, signal: AbortSignal) => Promise<ActivationLease>;
}

export interface ActorSystemParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  /** Resident memory as a share of what the process may have; 0 when not given. */
  readonly memoryShare?: () => number;
  /** An actor crashed too often and was stopped. */
  readonly escalate?: (address: string, cause: unknown) => void;
}

interface Activation<M, R> {
  readonly actor: Actor<M, R>;
  readonly lease: ActivationLease | undefined;
}

const PASSIVATE_MS = 5_000;

/** Actors of one kind. */
export class ActorSystem<M, R> {
  private readonly active = new Map<string, Promise<Activation<M, R>>>();
  /** Activations whose lease is won already. */
  private readonly running = new Map<string, Activation<M, R>>();
  private readonly ended = new AbortController();
  private readonly stopSweep: () => void;

  constructor(
    private readonly kind: ActorKind<M, R>,
    private readonly parts: ActorSystemParts,
  ) {
    this.stopSweep = parts.clock.every(PASSIVATE_MS, () => this.passivate());
  }

  addresses(): string[] {
    return [...this.running.keys()];
  }

  /** To the actor at this address, which is made if it sleeps. */
  async ask(address: string, message: M, ask: Ask): Promise<R> {
    const { actor } = await this.activation(address);
    return actor.ask(message, ask);
  }

  async close(): Promise<void> {
    this.stopSweep();
    this.ended.abort(failure('UNAVAILABLE', 'The process is leaving.'));
    await Promise.all([...this.running].map(([address, activation]) => this.retire(address, activation)));
  }

  private activation(address: string): Promise<Activation<M, R>> {
    const known = this.active.get(address);
    if (known) return known;
    if (this.ended.signal.aborted) return Promise.reject(this.ended.signal.reason);
    const fresh = this.activate(address);
    this.active.set(address, fresh);
    fresh.catch(() => this.active.delete(address));
    return fresh;
  }

  private async activate(address: string): Promise<Activation<M, R>> {
    const { make, limits, lease: leaseFor } = this.kind;
    const { clock, random, log = silentLog, escalate } = this.parts;
    const lease = await leaseFor?.(address, this.ended.signal);
    this.ended.signal.throwIfAborted();
    const actor = new Actor<M, R>({
      address,
      make: () => make(address, lease?.epoch ?? 0),
      clock,
      random,
      log,
      ...(limits ? { limits } : {}),
      escalate: (_, cause) => {
        void this.retire(address, activation);
        escalate?.(address, cause);
      },
    });
    const activation: Activation<M, R> = { actor, lease };
    this.running.set(address, activation);
    lease?.lost.addEventListener('abort', () => void this.retire(address, activation), { once: true });
    return activation;
  }

  private passivate(): void {
    const sleepers = [...this.running].map(([address, { actor }]) => ({ address, idleMs: actor.idleMs }));
    for (const address of toPassivate(sleepers, this.parts.memoryShare?.() ?? 0, this.kind.idleMs)) {
      const activation = this.running.get(address);
      assert(activation, `${address} was running a moment ago`);
      void this.retire(address, activation);
    }
  }

  /** From now on a message makes a new one; this one ends what it has. */
  private async retire(address: string, { actor, lease }: Activation<M, R>): Promise<void> {
    if (this.running.get(address)?.actor !== actor) return;
    this.running.delete(address);
    this.active.delete(address);
    try {
      await actor.stop();
      await lease?.release();
    } catch (error) {
      (this.parts.log ?? silentLog).warn('actor.stop.failed', { address, ...errorFields(error) });
    }
  }
}
