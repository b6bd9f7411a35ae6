// Asks served versions challenge probes at random times and acts on what comes back: a shard whose answers are not those of the registered bytes, while another
// shard's are, is ended by signed orders. Where nobody answers as registered people are told: the probes themselves may be what is wrong. The auditor owns one.
import { type Digest, replicaId } from '../../../contracts/names.js';
import type { ProbeSet } from '../../../contracts/probe.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { Random } from '../../mesh/random.js';
import { askProbe } from './ask-probe.js';
import { endpointOf } from './endpoint-of.js';
import { decideProbes, type ProbeFinding } from './decide-probes.js';
import { ProbeRound } from './probes.js';

export interface ProbedVersion {
  readonly model: string;
  readonly label: string;
  readonly version: Digest;
  /** Answers that were told of, those to probes among them. */
  readonly answered: number;
  /** That told of answers lately. */
  readonly replicas: readonly string[];
}

export interface ProbeDeskParts {
  readonly bus: Bus;
  /** Versions that answer. */
  readonly serving: () => readonly ProbedVersion[];
  /** Undefined for a version that has none. */
  readonly probesOf: (version: Digest) => Promise<ProbeSet | undefined>;
  /** Questions that were not asked yet. */
  readonly renew: (used: ProbeSet) => Promise<ProbeSet>;
  readonly found: (about: ProbedVersion, finding: ProbeFinding) => Promise<void>;
  /** Between two probes of a version, on average. */
  readonly meanMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Probed {
  set: ProbeSet;
  round: ProbeRound;
  about: ProbedVersion;
  stop: () => void;
  /** Answers that were told of when it was asked last: who is asked by nobody else is left alone, and may fall asleep. */
  answered: number;
  /** What was acted on before. */
  readonly told: Set<string>;
}

const LOOK_MS = 1_000;
/** On suspicion, for each replica. */
const AT_ONCE = 6;

export class ProbeDesk {
  private readonly probed = new Map<Digest, Probed>();
  private readonly without = new Map<Digest, number>();
  private stop: () => void = () => undefined;
  private looking = false;

  constructor(private readonly parts: ProbeDeskParts) {}

  begin(): void {
    const { clock, meanMs } = this.parts;
    // A replica is not asked again before a look has seen that others ask it.
    this.stop = clock.every(Math.min(LOOK_MS, meanMs), () => void this.look());
  }

  close(): void {
    this.stop();
    for (const { stop } of this.probed.values()) stop();
    this.probed.clear();
  }

  /** It has new probes: those of before count no more. */
  forget(version: Digest): void {
    this.probed.get(version)?.stop();
    this.probed.delete(version);
    this.without.delete(version);
  }

  /** A costlier look at a version that is suspected: several probes for each replica, now. Undefined where it has none. Never rejects. */
  async check(version: Digest): Promise<ProbeFinding | undefined> {
    await this.look();
    const one = this.probed.get(version);
    if (!one) return undefined;
    for (let n = 0; n < AT_ONCE; n++)
      await Promise.all(one.about.replicas.map((replica) => this.ask(one, replica)));
    return decideProbes(one.round.opinions());
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    const { serving, log } = this.parts;
    try {
      const now = new Map(serving().map((about) => [about.version, about]));
      for (const version of this.probed.keys()) if (!now.has(version)) this.forget(version);
      for (const [version, about] of now) {
        const known = this.probed.get(version);
        if (known) known.about = about;
        else await this.open(about);
      }
    } catch (error) {
      log.warn('probes.waiting', errorFields(error));
    } finally {
      this.looking = false;
    }
  }

  private async open(about: ProbedVersion): Promise<void> {
    const { probesOf, random, clock } = this.parts;
    const { version } = about;
    if ((this.without.get(version) ?? -Infinity) > clock.monotonicMs()) return;
    const set = await probesOf(version);
    if (!set) return void this.without.set(version, clock.monotonicMs() + 30_000);
    const one: Probed = {
      set,
      about,
      round: new ProbeRound(set, random),
      stop: () => undefined,
      answered: about.answered,
      told: new Set(),
    };
    this.probed.set(version, one);
    this.schedule(one);
  }

  private schedule(one: Probed): void {
    const { clock, meanMs, random } = this.parts;
    if (this.probed.get(one.set.version) !== one) return;
    one.stop = clock.after(one.round.nextInMs(meanMs), () => {
      const { replicas, answered } = one.about;
      if (answered <= one.answered + 1) return this.schedule(one);
      one.answered = answered;
      // Through a router half of the time, as callers of both kinds are; straight, so that no replica is left out.
      const replica = random() < 0.5 ? undefined : replicas[Math.floor(random() * replicas.length)];
      void this.ask(one, replica).then(() => this.schedule(one));
    });
  }

  private async ask(one: Probed, replica: string | undefined): Promise<void> {
    const { bus, log, random, found } = this.parts;
    const { about } = one;
    try {
      const next = one.round.next() ?? (await this.renewed(one));
      const endpoint = await endpointOf(bus, about, random);
      if (next === undefined || endpoint === undefined) return;
      const { input, shape, output } = one.set;
      const answer = await askProbe(bus.nc, {
        endpoint,
        label: about.label,
        replica,
        input,
        shape,
        output,
        values: next.input,
      });
      const opinion = one.round.answered(next.probe, answer.values, answer.replica);
      if (opinion !== 'registered')
        log.warn('probe.failed', { ...about, replica: answer.replica, probe: next.probe, opinion });
      // One wrong answer may be a fault of the way: the same replica is asked again at once.
      if (opinion === 'doubtful') return await this.ask(one, answer.replica);
    } catch (error) {
      // Overloaded, leaving, asleep: whatever it is, it is no answer.
      return log.info('probe.unanswered', { model: about.model, label: about.label, ...errorFields(error) });
    }
    const finding = decideProbes(one.round.opinions());
    const print = JSON.stringify(finding);
    if (finding.verdict === 'registered' || one.told.has(print)) return;
    one.told.add(print);
    await found(about, finding);
  }

  private async renewed(one: Probed): Promise<ReturnType<ProbeRound['next']>> {
    one.set = await this.parts.renew(one.set);
    one.round = new ProbeRound(one.set, this.parts.random);
    return one.round.next();
  }
}

/** The shard that a replica of the version is on. */
export const shardOf = (replica: string, version: Digest): string =>
  replica.slice(0, -replicaId('', version).length);
