// Listens to what engines tell of their answers, keeps a watch for each version, and acts: a change of verdict is told, an abnormal version is
// stopped where somebody else can answer. Nothing waits for it: while no auditor lives, engines tell nobody.
import type { Baseline, Judgement } from '../../../contracts/detection.js';
import { ObservationReport } from '../../../contracts/observation.js';
import type { Digest } from '../../../contracts/names.js';
import { subjects, wildcards } from '../../../contracts/subjects.js';
import {
  SuccessorReply,
  type VerdictNotice,
  type VerdictsReply,
  type WatchedState,
} from '../../../contracts/verdict.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { OrderBook } from '../../mesh/trust/order-book.js';
import type { ProbedVersion } from '../fraud/probe-desk.js';
import type { ProbeFinding } from '../fraud/decide-probes.js';
import type { StopOrders } from './stop-orders.js';
import { HeardTotals } from './heard-totals.js';
import { decideTelling } from './telling.js';
import { type CopyFinding, WatchedVersion } from './watched-version.js';

export interface WatchesParts {
  readonly bus: Bus;
  readonly orders: Pick<OrderBook, 'version' | 'lifted'>;
  readonly stop: Pick<StopOrders, 'kill'>;
  /** Undefined for a version that has none. */
  readonly baselineOf: (version: Digest) => Promise<Baseline | undefined>;
  readonly told: (notice: VerdictNotice) => void;
  /** Somebody's queries look made to copy the version. */
  readonly copied?: (about: Watched['about'], copier: CopyFinding) => void;
  /** A costlier look at a suspected version; undefined where there is nothing to ask it. */
  readonly check?: (version: Digest) => Promise<ProbeFinding | undefined>;
  /** Whether a request is the auditor's own question in a changed form: nothing is to be learned from its answer. */
  readonly isOwn?: (requestId: string) => boolean;
  /** A notice that was told before, with what a closer look has found since. */
  readonly toldMore?: (notice: VerdictNotice) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Watched {
  readonly about: Pick<ObservationReport, 'model' | 'label' | 'version'>;
  watch: WatchedVersion;
  answered: number;
  leftOut: number;
  unheard: number;
  /** When each replica told of answers last. */
  readonly replicas: Map<string, number>;
  last?: VerdictNotice;
  lastMs: number;
  acting: boolean;
}

/** Versions that are followed at once; the one that was silent longest makes room. */
const WATCHED_MAX = 2_000;
const ASK_MS = 2_000;
/** A replica that told of no answer for so long is not asked probes. */
const SERVING_MS = 120_000;
const REPLICAS_MAX = 1_000;

export class Watches {
  private readonly watched = new Map<Digest, Watched>();
  private readonly leaving = new AbortController();
  private readonly heard = new HeardTotals();
  private readonly since: string;

  constructor(private readonly parts: WatchesParts) {
    this.since = new Date(parts.clock.now()).toISOString();
  }

  begin(): void {
    const { bus, log } = this.parts;
    const subscription = bus.nc.subscribe(wildcards.observed(), {
      callback: (error, message) => {
        if (error !== null) return;
        const report = ObservationReport.safeParse(readJson(message.string()));
        if (report.success) this.take(report.data);
        else
          log.warn('auditor.observation.unreadable', {
            subject: message.subject,
            bytes: message.data.length,
          });
      },
    });
    this.leaving.signal.addEventListener('abort', () => subscription.unsubscribe());
  }

  end(): void {
    this.leaving.abort();
  }

  list(): VerdictsReply {
    const versions = [...this.watched.values()].map(
      ({ about, watch, answered, leftOut, unheard, last }): WatchedState => ({
        ...about,
        hasBaseline: watch.baseline !== undefined,
        tapped: watch.tapped,
        answered,
        leftOut,
        unheard,
        judgement: watch.judgement,
        ...(last && { last }),
      }),
    );
    return { since: this.since, versions };
  }

  /** Versions with a baseline that answered lately, and where. */
  serving(): ProbedVersion[] {
    const since = this.parts.clock.monotonicMs() - SERVING_MS;
    return [...this.watched.values()].flatMap(({ about, watch, answered, replicas }) => {
      for (const [replica, atMs] of replicas) if (atMs < since) replicas.delete(replica);
      return watch.baseline === undefined || replicas.size === 0
        ? []
        : [{ ...about, answered, replicas: [...replicas.keys()] }];
    });
  }

  /** Its baseline is another one: what was seen so far is forgotten. */
  async renew(version: Digest): Promise<void> {
    const known = this.watched.get(version);
    if (known) known.watch = new WatchedVersion(await this.parts.baselineOf(version));
  }

  featuresOf(version: Digest): ReadonlyMap<number, readonly Float32Array[]> {
    return this.watched.get(version)?.watch.features ?? new Map();
  }

  /** What a closer look at a suspected version has found; it stands beside what was told last. */
  addFinding(version: Digest, words: string): void {
    const watched = this.watched.get(version);
    if (!watched?.last) return;
    const { note, ...notice } = watched.last;
    watched.last = {
      ...notice,
      note: [note, words]
        .filter((one) => one !== '')
        .join(' ')
        .slice(0, 500),
    };
    this.parts.log.warn('auditor.looked', { ...watched.about, words });
    this.parts.toldMore?.(watched.last);
  }

  private take(report: ObservationReport): void {
    const { model, label, version, answered, leftOut, requests, replica } = report;
    const watched = this.of({ model, label, version });
    watched.answered += answered;
    watched.leftOut += leftOut;
    if (watched.replicas.has(replica) || watched.replicas.size < REPLICAS_MAX)
      watched.replicas.set(replica, this.parts.clock.monotonicMs());
    watched.unheard += this.heard.missedBefore(report);
    for (const request of requests) {
      if (this.parts.isOwn?.(request.requestId) === true) continue;
      const judgement = watched.watch.take(request);
      if (judgement.verdict !== 'normal') void this.act(watched, judgement);
    }
    for (const copier of watched.watch.takeCopiers()) this.parts.copied?.(watched.about, copier);
  }

  private of(about: Watched['about']): Watched {
    const known = this.watched.get(about.version);
    const { watched } = this;
    watched.delete(about.version);
    const found = known ?? {
      about,
      watch: new WatchedVersion(),
      answered: 0,
      leftOut: 0,
      unheard: 0,
      replicas: new Map(),
      lastMs: -Infinity,
      acting: false,
    };
    watched.set(about.version, found);
    const [oldest] = watched.keys();
    if (watched.size > WATCHED_MAX && oldest !== undefined) watched.delete(oldest);
    if (!known)
      void this.renew(about.version).catch((error: unknown) =>
        this.parts.log.warn('auditor.baseline.unread', { version: about.version, ...errorFields(error) }),
      );
    return found;
  }

  private async act(watched: Watched, seen: Judgement): Promise<void> {
    const { clock, told, log } = this.parts;
    const before = { last: watched.last?.judgement.verdict, lastMs: watched.lastMs };
    if (watched.acting || !decideTelling(seen.verdict, before, clock.now())) return;
    watched.acting = true;
    try {
      const { judgement, note } = await this.lookedCloser(watched, seen);
      const requestIds = [...watched.watch.requestIds];
      const done =
        judgement.verdict === 'abnormal'
          ? await this.stop(watched, judgement)
          : ({ act: 'told', note } as const);
      const at = new Date(clock.now()).toISOString();
      const notice: VerdictNotice = { ...watched.about, at, judgement, requestIds, ...done };
      watched.last = notice;
      watched.lastMs = clock.now();
      watched.watch.restart();
      log.warn('auditor.verdict', {
        ...watched.about,
        verdict: judgement.verdict,
        why: judgement.why,
        ...done,
      });
      told(notice);
    } finally {
      watched.acting = false;
    }
  }

  /** A suspicion is worth asking the version itself: where nobody answers probes as registered it is abnormal. Where shards differ the desk acts. */
  private async lookedCloser(
    { about }: Watched,
    judgement: Judgement,
  ): Promise<{ judgement: Judgement; note: string }> {
    const finding =
      judgement.verdict === 'suspicious'
        ? await this.parts.check?.(about.version).catch(() => undefined)
        : undefined;
    if (!finding || finding.good + finding.replicas.length === 0) return { judgement, note: '' };
    const note =
      finding.verdict === 'registered'
        ? `Asked probes, its ${finding.good} replica(s) answered as the registered bytes do: look at what it is asked.`
        : `Asked probes, ${finding.replicas.join(', ')} answered as another model would.`.slice(0, 500);
    if (finding.verdict !== 'all') return { judgement, note };
    const why = `${judgement.why} None of its replicas answers probes as the registered bytes do.`.slice(
      0,
      500,
    );
    return { judgement: { ...judgement, verdict: 'abnormal', why }, note };
  }

  private async stop({ about }: Watched, { why }: Judgement): Promise<Pick<VerdictNotice, 'act' | 'note'>> {
    const { orders, stop } = this.parts;
    const { model, version, label } = about;
    const standing = orders.version(version);
    if (standing !== undefined)
      return { act: 'spared', note: `It is withheld already: ${standing}`.slice(0, 500) };
    if (orders.lifted(version))
      return {
        act: 'spared',
        note: 'A person has lifted an order against it: look, and order it again if it must end.',
      };
    const alone = await this.alone(about);
    if (alone !== undefined) return { act: 'spared', note: alone };
    const regions = await stop.kill(model, version, `${label}: ${why}`, this.leaving.signal);
    if (regions.length === 0)
      return { act: 'spared', note: 'No region took the order: no router could be reached.' };
    return {
      act: 'stopped',
      note: `Killed and withheld in ${regions.join(', ')}; massif override lift takes it back.`,
    };
  }

  /** Why it is not stopped: an endpoint that nobody else could answer for. A broken answer is better than none only where there is no other. */
  private async alone({ model, version }: Watched['about']): Promise<string | undefined> {
    try {
      const { endpoints } = await this.parts.bus.request(
        subjects.registry('successor'),
        SuccessorReply,
        { model, version },
        { timeoutMs: ASK_MS },
      );
      const lost = endpoints.filter(({ successor }) => successor === null).map(({ endpoint }) => endpoint);
      return lost.length === 0
        ? undefined
        : `No other version ever served ${lost.join(', ')}: deploy one, or stop it with massif override set --kill.`;
    } catch {
      // The registry is away: safety does not wait for it. Who stands in is decided when it is back.
      return undefined;
    }
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
