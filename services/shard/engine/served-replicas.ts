// The replicas of one engine: loads, announces and gives up. Announcing is subscribing and flushing, so a replica that the host
// reports as ready is reachable. engine.ts passes the host's calls on to it.
import { isDeepStrictEqual } from 'node:util';
import { type NatsConnection, nuid, type Subscription } from '@nats-io/transport-node';
import { failure } from '../../../contracts/errors.js';
import { initialState } from '../../../contracts/sequence-state.js';
import { queues, subjects } from '../../../contracts/subjects.js';
import type { Clock } from '../../mesh/clock.js';
import type { Random } from '../../mesh/random.js';
import type {
  EngineStatistics,
  LoadedReport,
  LoadOrder,
  ReplicaCounters,
  UnloadOrder,
} from '../engine-messages.js';
import type { Answers } from './answers.js';
import { decideCapacity } from './capacity.js';
import { EngineBodies } from './engine-bodies.js';
import { KeptAnswers } from './kept-answers.js';
import { LatencyCurve } from './latency-curve.js';
import { type LoadedModel, loadModel } from './load.js';
import { Observer } from './observer.js';
import { Replica } from './replica.js';
import { HeardRules, Sampler } from './sampler.js';
import { SequenceBudget } from './sequence-budget.js';
import { SequenceBus } from './sequence-bus.js';
import { Sequences } from './sequences.js';
import { RunLoop } from './run-loop.js';
import type { RunNote } from './run-note.js';
import { Outbox } from './outbox.js';
import { Transit } from './transit.js';

export interface ServedParts {
  readonly nc: NatsConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly note: RunNote;
  readonly region: string;
  readonly threads: number;
  readonly device: string;
  /** Of one body, request or answer. */
  readonly bodyMaxBytes: number;
  /** Of all sequences of the engine. */
  readonly sequenceBytesMax?: number | undefined;
  /** Of all answers that are kept for those who ask the same again. */
  readonly keptMaxBytes: number;
  /** False: what replicas answer is told to no auditor. */
  readonly observe: boolean;
  readonly warming: (replica: string) => void;
}

interface Served {
  readonly replica: Replica;
  readonly subscription: Subscription;
  readonly cancels: Subscription;
}

/** A reconnection takes 100 to 200 ms when the server is there. Whoever waits for the answer has a deadline as well. */
const RECONNECT_MS = 500;
const RECONNECT_TRIES = 20;
/** Where the card does not say. */
const SEQUENCE_IDLE_MS = 60_000;

export class ServedReplicas {
  private readonly served = new Map<string, Served>();
  private readonly told = new WeakMap<Replica, ReplicaCounters>();
  private readonly loop: RunLoop;
  private readonly bodies: EngineBodies;
  private readonly budget: SequenceBudget;
  private readonly kept: KeptAnswers;
  private readonly rules: HeardRules;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: ServedParts) {
    const outbox = new Outbox(parts.nc);
    this.bodies = new EngineBodies({ ...parts, outbox });
    this.budget = new SequenceBudget(parts.sequenceBytesMax);
    this.kept = new KeptAnswers(parts.keptMaxBytes);
    this.rules = new HeardRules(parts.clock);
    if (parts.observe)
      parts.nc.subscribe(subjects.sampling(), {
        callback: (error, message) => {
          if (error === null) this.rules.hear(message.string());
        },
      });
    const transit = new Transit(() => parts.nc.flush(), parts.clock);
    this.loop = new RunLoop({
      clock: parts.clock,
      transit,
      beforeBlock: () => outbox.flush(),
      afterLongBlock: () => this.connected(),
    });
  }

  /** Of those that count otherwise than when this was asked last. */
  changedCounters(): ReplicaCounters[] {
    return [...this.served.values()].flatMap(({ replica }) => {
      const now = replica.counters();
      if (isDeepStrictEqual(this.told.get(replica), now)) return [];
      this.told.set(replica, now);
      return [now];
    });
  }

  statistics(replicas: Iterable<string> = this.served.keys()): EngineStatistics[] {
    return [...replicas].flatMap((id) => this.served.get(id)?.replica.statistics() ?? []);
  }

  /** One load after the other: two warm-ups side by side would time each other. */
  load(order: LoadOrder): Promise<LoadedReport> {
    const next = this.last.then(() => this.loadNow(order));
    this.last = next.catch(() => undefined);
    return next;
  }

  /** What it counted to its end. */
  async unload({
    replica: id,
    drainMs,
  }: Pick<UnloadOrder, 'replica' | 'drainMs'>): Promise<ReplicaCounters | undefined> {
    const served = this.served.get(id);
    if (served === undefined) return undefined;
    const late = this.parts.clock.sleep(drainMs);
    await served.replica.handOver(late);
    // Somebody else unloads it as well.
    if (!this.served.delete(id)) return undefined;
    const last = served.replica.counters();
    // First no new messages (drained: those under way are still delivered), then an end to those that are here.
    await served.subscription.drain().catch(() => undefined);
    await served.replica.drain(late);
    served.cancels.unsubscribe();
    return last;
  }

  async unloadAll(drainMs: number): Promise<void> {
    await Promise.all([...this.served.keys()].map((replica) => this.unload({ replica, drainMs })));
  }

  /** Returns when the server answers; a connection that it dropped meanwhile is made anew by the client in the background. */
  private async connected(): Promise<void> {
    const { nc, clock } = this.parts;
    for (let tries = 0; tries < RECONNECT_TRIES; tries++) {
      const answered = nc.flush().then(
        () => true,
        () => false,
      );
      if (await Promise.race([answered, clock.sleep(RECONNECT_MS).then(() => false)])) return;
    }
  }

  private async loadNow(order: LoadOrder): Promise<LoadedReport> {
    const { clock, random, note, threads, device, nc } = this.parts;
    if (this.served.has(order.replica))
      throw failure('CONFLICT', `${order.replica} is loaded in this engine already.`);
    const rssBefore = process.memoryUsage.rss();
    // A model may end the process while it is loaded: then, too, the host finds its number.
    note.about(order.number);
    const model = await loadModel(order, {
      clock,
      random,
      threads,
      device,
      blocking: (work) => this.loop.blocking(work),
      warming: () => this.parts.warming(order.replica),
    });
    const answers = this.bodies.answersOf(order.replica);
    const sequences = this.sequencesOf(order, answers);
    const replica = this.replicaOf(order, model, answers, sequences);
    await sequences?.open(replica);
    const subject = subjects.run(order.replica);
    const accept = replica.accept.bind(replica);
    const subscription = nc.subscribe(subject, {
      queue: queues.replica,
      callback: (error, message) => {
        if (error === null) this.bodies.arrived(message, subject.length, answers, accept);
      },
    });
    // Without a group: while a replica moves, whichever engine holds the request hears of it.
    const cancels = nc.subscribe(subjects.cancel(order.replica), {
      callback: (error, message) => {
        if (error !== null) return;
        const sender = message.reply ?? '';
        this.bodies.forget(sender);
        replica.forget(sender);
      },
    });
    this.served.set(order.replica, { replica, subscription, cancels });
    await nc.flush();
    const rssGrowthBytes = Math.max(0, process.memoryUsage.rss() - rssBefore);
    const { batchMax } = replica.counters();
    return {
      runMs: model.points[0]?.runMs ?? 0,
      batchMax,
      capacity: replica.traits.capacity,
      rssGrowthBytes,
      warmUp: { points: model.points, axes: model.axes, rowItems: model.rowItems },
      prepared: model.prepared,
    };
  }

  /** Undefined for a version that keeps no state. */
  private sequencesOf({ version, replica }: LoadOrder, answers: Answers): Sequences | undefined {
    const { clock, nc, region } = this.parts;
    const { state, sequenceIdleMs = SEQUENCE_IDLE_MS } = version.card;
    if (state === undefined) return undefined;
    return new Sequences({
      replica,
      region,
      declared: state,
      inputs: version.inputs,
      initial: initialState(state, version),
      idleMs: sequenceIdleMs,
      bus: new SequenceBus(nc, replica, version.model, version.digest),
      budget: this.budget,
      clock,
      answers,
    });
  }

  private observerOf({ version, replica }: LoadOrder): Observer {
    const { nc, region, clock, random } = this.parts;
    const { model, label, digest, outputs } = version;
    const subject = subjects.observed(region);
    const about = { region, replica, model, label, version: digest, life: nuid.next() };
    const sampler = new Sampler({
      about,
      rules: this.rules,
      publish: (sample) => nc.isClosed() || nc.publish(subjects.sampled(model), JSON.stringify(sample)),
      clock,
      random,
    });
    return new Observer({
      sampler,
      about,
      outputs,
      // A connection that was closed is an engine that leaves.
      publish: (report) => nc.isClosed() || nc.publish(subject, JSON.stringify(report)),
      clock,
    });
  }

  private replicaOf(
    order: LoadOrder,
    { session, labels, points, axes, rowItems }: LoadedModel,
    answers: Answers,
    sequences: Sequences | undefined,
  ): Replica {
    const { version, replica: id, number, capacityMax, batchRowsMax: rowsMax } = order;
    const capacity = decideCapacity(new LatencyCurve(points).bestRowMs, capacityMax);
    return new Replica(
      { id, model: version.model, label: version.label, labels, capacity, points, axes, rowItems, rowsMax },
      {
        session,
        loop: this.loop,
        clock: this.parts.clock,
        answers,
        ...(sequences && { sequences }),
        kept: this.kept,
        ...(this.parts.observe && { observer: this.observerOf(order) }),
        aboutToRun: () => this.parts.note.about(number),
      },
    );
  }
}
