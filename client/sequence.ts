// A sequence of calls whose state the mesh keeps: `const call = massif.sequence('vad'); await call.start(first); await call.step(next);
// await call.end(last)`. Steps go one after the other, whoever calls them when.
import { nuid } from '@nats-io/transport-node';
import { failure, toFailure } from '../contracts/errors.js';
import type { Inputs } from './call.js';

/** Of each of its calls; the sequence itself gives their parameters and request ids. */
export interface SequenceOptions {
  readonly user?: string;
  readonly version?: string;
  /** For one call, retries included. */
  readonly timeoutMs?: number;
  readonly outputs?: readonly string[];
  readonly priority?: number;
  readonly signal?: AbortSignal;
}

/** One call of the client, whatever it gives. */
export type StepCall<R> = (
  inputs: Inputs,
  options: SequenceOptions & { readonly parameters: Readonly<Record<string, string | boolean>> },
) => Promise<R>;

export type SequenceState = 'new' | 'open' | 'ended' | 'lost';

/** A first step that may or may not have run is begun again under another name. */
const STARTS_MAX = 4;

export class SequenceOfCalls<R> {
  private current: SequenceState = 'new';
  private name = nuid.next();
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly infer: StepCall<R>,
    private readonly options: SequenceOptions = {},
  ) {}

  /** `lost`: only a start goes on from there. */
  get state(): SequenceState {
    return this.current;
  }

  get id(): string {
    return this.name;
  }

  /** Begins it, or begins it anew. Each beginning has an id of its own, so nothing of a former life is ever met. */
  start(inputs: Inputs, options: SequenceOptions = {}): Promise<R> {
    return this.inTurn(async () => {
      for (let tries = 1; ; tries++) {
        this.name = nuid.next();
        try {
          const result = await this.send(inputs, options, { sequence_start: true });
          this.current = 'open';
          return result;
        } catch (error) {
          if (!toFailure(error).retryable || tries === STARTS_MAX) throw error;
        }
      }
    });
  }

  step(inputs: Inputs, options: SequenceOptions = {}): Promise<R> {
    return this.inTurn(() => this.goOn(inputs, options, {}));
  }

  /** The last step; afterwards the mesh keeps nothing of it. */
  end(inputs: Inputs, options: SequenceOptions = {}): Promise<R> {
    return this.inTurn(async () => {
      const result = await this.goOn(inputs, options, { sequence_end: true });
      this.current = 'ended';
      return result;
    });
  }

  private async goOn(
    inputs: Inputs,
    options: SequenceOptions,
    more: Readonly<Record<string, boolean>>,
  ): Promise<R> {
    if (this.current === 'lost') throw failure('SEQUENCE_LOST', `The sequence ${this.name} was lost before.`);
    if (this.current !== 'open')
      throw failure('BAD_REQUEST', `The sequence is ${this.current}: call start() first.`);
    try {
      return await this.send(inputs, options, more);
    } catch (error) {
      if (toFailure(error).code === 'SEQUENCE_LOST') this.current = 'lost';
      throw error;
    }
  }

  private send(
    inputs: Inputs,
    options: SequenceOptions,
    more: Readonly<Record<string, boolean>>,
  ): Promise<R> {
    return this.infer(inputs, {
      ...this.options,
      ...options,
      parameters: { sequence_id: this.name, ...more },
    });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work);
    this.last = next.catch(() => undefined);
    return next;
  }
}
