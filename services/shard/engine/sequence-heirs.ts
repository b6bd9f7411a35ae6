// Where the sequences of a replica go when it leaves its engine: to the next engine of the same replica, else to another replica
// of the version, nearest first. Afterwards, for as long as messages may still come, it knows who has them. The successor in turn
// sends steps of sequences that have not arrived yet to the engine before. sequences.ts owns one.
import { toFailure } from '../../../contracts/errors.js';
import type { HolderReply, SequenceTalk } from '../../../contracts/holders.js';
import type { Clock } from '../../mesh/clock.js';
import { murmur3 } from '../../mesh/murmur3.js';
import { score } from '../../mesh/rendezvous.js';
import type { LiveSequence } from './sequence.js';
import type { SequenceBus } from './sequence-bus.js';
import { packSequence } from './sequence-moving.js';

export interface HeirsParts {
  readonly bus: SequenceBus;
  readonly clock: Clock;
  readonly replica: string;
  readonly region: string;
  /** Another engine has it. */
  readonly moved: (sequence: LiveSequence) => void;
  readonly lost: (sequence: LiveSequence, why: string) => void;
  /** It was begun anew elsewhere while it was on its way. */
  readonly superseded: (sequence: LiveSequence) => void;
  /** So many waiting steps went after it. */
  readonly forwarded: (count: number) => void;
}

/** A replica elsewhere may be loading just now, because this one is to leave. */
const SEARCH_MS = 2_000;
const SEARCH_AGAIN_MS = 200;
const AT_ONCE = 32;
/** Above the time that an engine gets to drain. */
const PREDECESSOR_MS = 15_000;
const KEPT_MS = 60_000;
const KEPT_MAX = 20_000;

export class SequenceHeirs {
  leaving = false;
  /** The engine that has this replica after us. */
  successor: string | undefined;
  private predecessor: { readonly holder: string; readonly untilMs: number } | undefined;
  private readonly gone = new Map<string, { readonly holder: string; readonly atMs: number }>();

  constructor(private readonly parts: HeirsParts) {}

  /** Looks for the engine that has this replica so far. */
  async greet(): Promise<void> {
    const { bus, replica, clock } = this.parts;
    const before = (await bus.who()).find((holder) => holder.replica === replica);
    if (before) this.predecessor = { holder: before.holder, untilMs: clock.monotonicMs() + PREDECESSOR_MS };
  }

  /** Who has it, as far as we know; undefined: not our business. */
  holderOf(key: string): string | undefined {
    return this.gone.get(key)?.holder ?? this.predecessor?.holder;
  }

  forget(key: string): void {
    this.gone.delete(key);
  }

  done({ holder, to }: SequenceTalk & { kind: 'done' }): void {
    if (to === this.parts.bus.holder && holder === this.predecessor?.holder) this.predecessor = undefined;
  }

  sweep(): void {
    const nowMs = this.parts.clock.monotonicMs();
    if (this.predecessor && nowMs >= this.predecessor.untilMs) this.predecessor = undefined;
    for (const [key, { atMs }] of this.gone) {
      if (nowMs - atMs < KEPT_MS && this.gone.size <= KEPT_MAX) return;
      this.gone.delete(key);
    }
  }

  /** Returns when none of them is here any more. */
  async giveAway(all: () => LiveSequence[], late: Promise<void>): Promise<void> {
    this.leaving = true;
    const { bus } = this.parts;
    let over = false;
    void late.then(() => (over = true));
    let heirs = await this.find(() => over || all().length === 0);
    for (let left = all(); left.length > 0; left = all()) {
      const batch = left.slice(0, AT_ONCE);
      await Promise.all(batch.map((sequence) => this.give(sequence, heirs)));
      if (over) heirs = [];
    }
    if (this.successor !== undefined) bus.say({ kind: 'done', holder: bus.holder, to: this.successor });
  }

  private async find(isOver: () => boolean): Promise<HolderReply[]> {
    const { bus, clock, replica } = this.parts;
    const untilMs = clock.monotonicMs() + SEARCH_MS;
    for (;;) {
      const found = (await bus.who()).filter(({ takes }) => takes);
      this.successor = found.find((holder) => holder.replica === replica)?.holder;
      if (found.length > 0 || isOver() || clock.monotonicMs() >= untilMs) return found;
      await clock.sleep(SEARCH_AGAIN_MS);
    }
  }

  private async give(sequence: LiveSequence, heirs: readonly HolderReply[]): Promise<void> {
    const { bus, moved, lost, superseded } = this.parts;
    await sequence.freeze();
    if (sequence.superseded) return superseded(sequence);
    const state = packSequence(sequence, bus.bytesMax);
    if (!state) return lost(sequence, 'has a state too large to be moved when its engine left');
    let why = 'was on the last replica of its version, which left';
    for (const { holder } of this.ranked(sequence.key, heirs)) {
      try {
        await this.send(holder, state);
      } catch (error) {
        if (toFailure(error).code === 'CONFLICT') return superseded(sequence);
        why = `could not be moved when its engine left: ${toFailure(error).message}`;
        continue;
      }
      this.gone.set(sequence.key, { holder, atMs: this.parts.clock.monotonicMs() });
      moved(sequence);
      const left = sequence.takeAll();
      for (const { waiting, twins } of left)
        for (const one of [waiting, ...twins]) bus.forward(holder, one, this.parts.clock.monotonicMs());
      this.parts.forwarded(left.length);
      return;
    }
    lost(sequence, why);
  }

  /** Twice: an acknowledgement may be lost, and the other side knows a state that it has. */
  private async send(holder: string, state: NonNullable<ReturnType<typeof packSequence>>): Promise<void> {
    try {
      await this.parts.bus.handOver(holder, state);
    } catch (error) {
      if (toFailure(error).code !== 'UNAVAILABLE') throw error;
      await this.parts.bus.handOver(holder, state);
    }
  }

  /** The same replica first, then the own region, then in rendezvous order: so a caller that knows nothing finds it soon. */
  private ranked(key: string, heirs: readonly HolderReply[]): HolderReply[] {
    const hash = murmur3(key.slice(key.indexOf('\n') + 1));
    const rank = ({ replica, region }: HolderReply) =>
      replica === this.parts.replica ? 2 : region === this.parts.region ? 1 : 0;
    const scored = new Map(heirs.map((heir) => [heir, score(hash, murmur3(shardOf(heir.replica)))]));
    return heirs.toSorted((a, b) => rank(b) - rank(a) || (scored.get(b) ?? 0) - (scored.get(a) ?? 0));
  }
}

/** Rendezvous goes by shards. */
const shardOf = (replica: string): string => replica.slice(0, replica.lastIndexOf('_'));
