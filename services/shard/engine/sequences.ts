// The sequences of one replica: takes their steps, lets one of each sequence at a time into the replica's queue, where steps of
// different sequences share runs like any requests, and keeps what comes out for the next step. What is idle for long, or the
// longest when memory is short, goes. The replica asks; sequence-heirs.ts moves them to other engines.
import { type Failure, failure, toFailure } from '../../../contracts/errors.js';
import type { HolderReply, SequenceTalk } from '../../../contracts/holders.js';
import type { SequenceCounts } from '../../../contracts/heartbeat.js';
import type { Body } from '../../../contracts/infer-body.js';
import type { StateTensor } from '../../../contracts/sequence-state.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import type { Clock } from '../../mesh/clock.js';
import type { Answers } from './answers.js';
import type { Waiting } from './request-queue.js';
import { readItinerary } from './itinerary.js';
import {
  bytesOf,
  LiveSequence,
  lostSequence,
  ownCopy,
  shown,
  type Step,
  type StepAnswer,
} from './sequence.js';
import type { SequenceBudget } from './sequence-budget.js';
import type { Listener, SequenceBus } from './sequence-bus.js';
import { SequenceHeirs } from './sequence-heirs.js';
import { unpackSequence } from './sequence-moving.js';

export interface SequencesParts {
  readonly replica: string;
  readonly region: string;
  readonly declared: readonly StateTensor[];
  readonly inputs: readonly TensorSpec[];
  readonly initial: readonly Tensor[];
  readonly idleMs: number;
  readonly bus: SequenceBus;
  readonly budget: SequenceBudget;
  readonly clock: Clock;
  readonly answers: Answers;
}

/** The replica, as its sequences see it. */
export interface StepRunner {
  /** Throws MAILBOX_FULL when it holds as many requests as it takes. */
  room(): void;
  /** It is this step's turn: it runs as soon as the replica comes to it. */
  enqueue(waiting: Waiting): void;
  /** As from the run subject. */
  accept(sender: string, headerText: string, body: Uint8Array): void;
}

/** Memory of a sequence beside its tensors, generously. */
const OVERHEAD_BYTES = 1_024;
const SWEEPS_PER_IDLE = 4;
const SWEEP_MS_MIN = 20;
const SWEEP_MS_MAX = 1_000;

export class Sequences implements Listener {
  /** The longest untouched first. */
  private readonly live = new Map<string, LiveSequence>();
  /** Those whose turn it is, by their requests in the replica's queue. */
  private readonly steps = new Map<Waiting, Step>();
  private readonly heirs: SequenceHeirs;
  private readonly specs: readonly TensorSpec[];
  private counts = { passivated: 0, lost: 0, handedOver: 0 };
  private stopSweep: () => void = () => undefined;
  private runner: StepRunner | undefined;
  private handing: Promise<void> | undefined;
  private waitingSteps = 0;

  constructor(private readonly parts: SequencesParts) {
    const { bus, clock, replica, region, declared, inputs } = parts;
    this.specs = declared
      .map(({ input }) => inputs.find(({ name }) => name === input))
      .filter((spec) => spec !== undefined);
    this.heirs = new SequenceHeirs({
      bus,
      clock,
      replica,
      region,
      moved: (sequence) => {
        this.counts.handedOver += sequence.ended ? 0 : 1;
        this.drop(sequence);
      },
      lost: (sequence, why) => this.lose(sequence, why),
      superseded: (sequence) => this.supersede(sequence),
      forwarded: (count) => (this.waitingSteps -= count),
    });
  }

  /** Steps that wait for the one before them; those whose turn it is are the replica's. */
  get waiting(): number {
    return this.waitingSteps;
  }

  /** Before the replica is announced: from here on other engines may send states and steps. */
  async open(runner: StepRunner): Promise<void> {
    const { clock, bus, idleMs, budget } = this.parts;
    this.runner = runner;
    budget.join(this);
    const sweepMs = Math.min(SWEEP_MS_MAX, Math.max(SWEEP_MS_MIN, idleMs / SWEEPS_PER_IDLE));
    this.stopSweep = clock.every(sweepMs, () => this.sweep());
    await this.heirs.greet();
    bus.open(this);
  }

  counters(): SequenceCounts {
    let open = 0;
    let stateBytes = 0;
    for (const sequence of this.live.values()) {
      if (sequence.ended) continue;
      open++;
      stateBytes += sequence.stateBytes();
    }
    return { open, stateBytes, ...this.counts };
  }

  /** A message of the run subject, or one that was sent on. Throws what the caller is to be told. */
  accept(waiting: Waiting): void {
    const { sequence: asked, endpoint, hopped } = waiting.headers;
    if (!asked) return;
    const key = keyOf(endpoint, asked.id);
    const known = this.live.get(key);
    if (known && this.repeated(known, waiting)) return;
    if (asked.start) return this.start(key, known, waiting);
    if (known?.ended) throw lostSequence(asked.id, 'has ended');
    if (known) return this.put(known, waiting);
    const elsewhere = hopped ? undefined : this.heirs.holderOf(key);
    if (elsewhere === undefined)
      throw failure('SEQUENCE_ELSEWHERE', `${this.parts.replica} has no sequence ${shown(asked.id)}.`);
    this.forward(elsewhere, waiting);
  }

  /** What a request is to send: a step leaves its state away. */
  sent(request: Waiting, specs: readonly TensorSpec[]): readonly TensorSpec[] {
    return this.steps.has(request) ? specs.filter(({ name }) => !this.isState(name, 'input')) : specs;
  }

  /** A step with what its sequence brings; a state that the caller gives counts instead. */
  complete(request: Waiting, given: Tensor[]): Tensor[] {
    const step = this.steps.get(request);
    if (!step) return given;
    const { sequence } = step;
    if (step.start) {
      sequence.state = this.parts.initial;
      sequence.steps = 0;
    }
    // A stage before ours has taken a step that we have not, or we one that it has not: their states are of different moments.
    const { sequenceCount = sequence.steps + 1 } = request.headers;
    if (sequenceCount !== sequence.steps + 1)
      throw lostSequence(sequence.id, 'is at another step here than in the stage before');
    return [...given, ...sequence.state.filter(({ name }) => !given.some((input) => input.name === name))];
  }

  /** Keeps what the next step needs; the caller sees the rest, and of the state only what was asked for by name. */
  seen(request: Waiting, outputs: Tensor[], chosen: boolean): Tensor[] {
    const step = this.steps.get(request);
    if (!step) return outputs;
    step.next = this.parts.declared.map(({ input, output }) => {
      const found = outputs.find(({ name }) => name === output);
      if (!found) throw failure('MODEL_FAILED', `The model gave no output "${output}".`);
      return ownCopy(found, input);
    });
    return chosen ? outputs : outputs.filter(({ name }) => !this.isState(name, 'output'));
  }

  /** How many steps of its sequence were taken when this one counts; undefined for what is none. */
  countWith(request: Waiting): number | undefined {
    const step = this.steps.get(request);
    return step && step.sequence.steps + 1;
  }

  /** `request` has its answer, or what it gave is on its way to another stage. */
  answered(request: Waiting, answer: StepAnswer, engineUs: number): void {
    const step = this.steps.get(request);
    if (!step) return;
    const count = step.sequence.steps + 1;
    for (const twin of step.twins) this.say(twin, answer, count, engineUs);
    this.over(step, answer);
  }

  /** The same once more, to whoever asked again: a pipeline may go on to other replicas this time. */
  private say(again: Waiting, { body, goesTo }: StepAnswer, count: number, engineUs: number): void {
    const { answers, clock } = this.parts;
    const { to, headers } = again;
    if (goesTo === undefined) return answers.result(to, body, engineUs);
    const leftMs = again.timeoutMs - (clock.monotonicMs() - again.readAtMs);
    try {
      const itinerary = readItinerary(headers);
      answers.passOn(to, headers, { itinerary, step: goesTo, body, leftMs, sequenceCount: count });
    } catch (error) {
      answers.error(to, toFailure(error), engineUs);
    }
  }

  refused(request: Waiting, error: Failure, engineUs: number): void {
    const step = this.steps.get(request);
    if (!step) return;
    for (const twin of step.twins) this.parts.answers.error(twin.to, error, engineUs);
    this.over(step, undefined);
  }

  /** Gives every sequence to another engine and settles when none is here; what nobody takes is lost. */
  async handOver(late: Promise<void>): Promise<void> {
    this.handing ??= this.heirs.giveAway(() => [...this.live.values()], late);
    await this.handing;
  }

  async close(): Promise<void> {
    this.stopSweep();
    this.parts.budget.leave(this);
    await this.parts.bus.close();
    for (const sequence of this.live.values()) this.drop(sequence);
  }

  idlest(): { readonly touchedMs: number; drop(): void } | undefined {
    for (const sequence of this.live.values())
      if (!sequence.busy && !sequence.frozen)
        return { touchedMs: sequence.touchedMs, drop: () => this.passivate(sequence) };
    return undefined;
  }

  // ---- what other engines say -----------------------------------------------------------------------------------------

  step(sender: string, headerText: string, body: Uint8Array): void {
    this.runner?.accept(sender, headerText, body);
  }

  arrive(state: Body, digest: string): void {
    const { clock, budget } = this.parts;
    if (this.heirs.leaving) throw failure('UNAVAILABLE', `${this.parts.replica} is leaving itself.`);
    const arriving = unpackSequence(state, this.specs, keyOf, clock.monotonicMs());
    const known = this.live.get(arriving.key);
    if (known?.cameAs === digest) return; // the first acknowledgement was lost
    // It was begun anew here meanwhile: what comes is of its former life.
    if (known) throw failure('CONFLICT', `${this.parts.replica} has a newer sequence ${shown(arriving.id)}.`);
    arriving.cameAs = digest;
    arriving.bytes = sizeOf(arriving);
    if (!budget.take(arriving.bytes))
      throw failure('MAILBOX_FULL', `${this.parts.replica} has no room for more sequences.`);
    this.live.set(arriving.key, arriving);
  }

  talk(said: SequenceTalk): void {
    if (said.kind === 'done') return this.heirs.done(said);
    if (said.kind !== 'began') return;
    const key = keyOf(said.endpoint, said.sequence);
    this.heirs.forget(key);
    const known = this.live.get(key);
    // Begun anew elsewhere: a step that comes here now must not find the old state.
    if (known?.frozen) known.superseded = true;
    else if (known) this.supersede(known);
  }

  here(): HolderReply {
    const { replica, region, bus } = this.parts;
    return { holder: bus.holder, replica, region, open: this.live.size, takes: !this.heirs.leaving };
  }

  // ---- steps ------------------------------------------------------------------------------------------------------------

  /** True when it has been dealt with: this very request was here before. */
  private repeated(known: LiveSequence, again: Waiting): boolean {
    const { to } = again;
    const pending = known.pending(to.requestId);
    if (pending) {
      pending.twins.push(again);
      return true;
    }
    const before = known.before(to.requestId);
    if (before === 'new') return false;
    if (before === 'forgotten' || known.answer === undefined)
      throw failure(
        'BAD_REQUEST',
        `The request ${to.requestId} was answered before; a new step needs a new id.`,
      );
    this.say(again, known.answer, known.steps, 0);
    return true;
  }

  private start(key: string, known: LiveSequence | undefined, waiting: Waiting): void {
    const { clock, bus, budget, initial, replica } = this.parts;
    const { sequence: asked, endpoint, hopped } = waiting.headers;
    if (!asked) return;
    if (this.heirs.leaving) {
      const successor = hopped ? undefined : this.heirs.successor;
      if (successor === undefined) throw failure('REPLICA_LOST', `${replica} is leaving this engine.`);
      return this.forward(successor, waiting);
    }
    if (known) this.put(known, waiting);
    else {
      this.runner?.room();
      const fresh = new LiveSequence(key, endpoint, asked.id, initial, clock.monotonicMs());
      fresh.bytes = sizeOf(fresh);
      if (!budget.take(fresh.bytes))
        throw failure('MAILBOX_FULL', `${replica} has no room for more sequences.`);
      this.live.set(key, fresh);
      this.put(fresh, waiting);
    }
    this.heirs.forget(key);
    // Before its answer can be out: whoever has one of this name drops it.
    bus.say({ kind: 'began', holder: bus.holder, endpoint, sequence: asked.id });
  }

  /** Throws MAILBOX_FULL. */
  private put(sequence: LiveSequence, waiting: Waiting): void {
    const { sequence: asked } = waiting.headers;
    if (!asked) return;
    this.runner?.room();
    const step: Step = { sequence, waiting, start: asked.start, end: asked.end, twins: [] };
    sequence.put(step);
    this.waitingSteps++;
    this.touch(sequence);
    this.advance(sequence);
  }

  private advance(sequence: LiveSequence): void {
    const step = sequence.begin();
    if (!step) return;
    this.waitingSteps--;
    this.steps.set(step.waiting, step);
    this.runner?.enqueue(step.waiting);
  }

  private over(step: Step, answer: StepAnswer | undefined): void {
    const { sequence } = step;
    this.steps.delete(step.waiting);
    sequence.done(step, answer, this.parts.clock.monotonicMs());
    // Dropped meanwhile: there is nothing left to go on with.
    if (this.live.get(sequence.key) !== sequence) return;
    // A first step that failed has begun nothing.
    if (sequence.steps === 0 && !sequence.busy) return this.drop(sequence);
    const bytes = sizeOf(sequence);
    // The answer and the state are there already; what they take above the limit is had back from others, or not at all.
    this.parts.budget.take(bytes - sequence.bytes);
    sequence.bytes = bytes;
    this.touch(sequence);
    this.advance(sequence);
  }

  private isState(name: string, side: 'input' | 'output'): boolean {
    return this.parts.declared.some((one) => one[side] === name);
  }

  private forward(holder: string, waiting: Waiting): void {
    this.parts.bus.forward(holder, waiting, this.parts.clock.monotonicMs());
  }

  // ---- ends -------------------------------------------------------------------------------------------------------------

  private touch(sequence: LiveSequence): void {
    sequence.touchedMs = this.parts.clock.monotonicMs();
    this.live.delete(sequence.key);
    this.live.set(sequence.key, sequence);
  }

  private sweep(): void {
    const beforeMs = this.parts.clock.monotonicMs() - this.parts.idleMs;
    for (const sequence of this.live.values()) {
      if (sequence.touchedMs > beforeMs) break;
      if (!sequence.busy && !sequence.frozen) this.passivate(sequence);
    }
    this.heirs.sweep();
  }

  private passivate(sequence: LiveSequence): void {
    if (!sequence.ended) this.counts.passivated++;
    this.drop(sequence);
  }

  private lose(sequence: LiveSequence, why: string): void {
    if (!sequence.ended) this.counts.lost++;
    this.discard(sequence, lostSequence(sequence.id, why));
  }

  private supersede(sequence: LiveSequence): void {
    this.discard(sequence, lostSequence(sequence.id, 'was begun anew on another replica'));
  }

  private discard(sequence: LiveSequence, why: Failure): void {
    this.drop(sequence);
    const left = sequence.takeAll();
    this.waitingSteps -= left.length;
    for (const { waiting, twins } of left)
      for (const { to } of [waiting, ...twins]) this.parts.answers.error(to, why, 0);
  }

  private drop(sequence: LiveSequence): void {
    if (this.live.get(sequence.key) !== sequence) return;
    this.live.delete(sequence.key);
    this.parts.budget.take(-sequence.bytes);
  }
}

/** Two endpoints may serve the same version, and their callers know nothing of each other's ids. */
const keyOf = (endpoint: string, id: string): string => `${endpoint}\n${id}`;

const sizeOf = (sequence: LiveSequence): number =>
  OVERHEAD_BYTES + (sequence.ended ? 0 : bytesOf(sequence.state)) + (sequence.answer?.body.bytes.length ?? 0);
