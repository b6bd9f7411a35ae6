// Looks at the mesh every few seconds, and raises and ends alerts of what is amiss (findings.ts). Listens to heartbeats and to the catalog; asks doors,
// processes, releases and jobs at every third look. Whoever does not answer leaves what was known of it as it was.
import { CompressJobsReply } from '../../../contracts/compressor.js';
import type { Heartbeat } from '../../../contracts/heartbeat.js';
import type { Objective, Objectives } from '../../../contracts/objectives.js';
import { EndpointRecord } from '../../../contracts/registry.js';
import { ReleasesReply } from '../../../contracts/release.js';
import { type MetricsQuery, ProcessStatus } from '../../../contracts/status.js';
import { subjects } from '../../../contracts/subjects.js';
import { JobsReply } from '../../../contracts/trainer.js';
import { buckets } from '../../../contracts/buckets.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { KnownRecords } from '../../mesh/known-records.js';
import { hearBeats } from '../../mesh/hear-beats.js';
import { errorFields, type Log } from '../../mesh/log.js';
import { watchBucket } from '../../mesh/watch-bucket.js';
import type { AlertDesk } from '../alerts/alert-desk.js';
import { decideBurning } from './burn-rate.js';
import { DOOR_SECONDS, DoorCounts } from './door-counts.js';
import { decideFindings, type Heard, type Seen } from './findings.js';
import { OutcomeHistory } from './outcome-history.js';
import { StandingFindings } from './standing.js';

export interface OperationsWatchParts {
  readonly bus: Bus;
  readonly regions: readonly string[];
  readonly objectives: Objectives;
  readonly desk: Pick<AlertDesk, 'raise' | 'over' | 'list'>;
  readonly clock: Clock;
  readonly log: Log;
}

const ASK_EVERY_LOOKS = 3;
const ASK_MS = 2_000;
/** Doors are asked for what they counted since the last asking but one, whose answer may have been late: a thousand endpoints are 17,000 lines, of which few are news. */
const ASKINGS = 2;
/** Nobody answers for so long: everybody has. */
const QUIET_MS = 300;
const HEARD_MAX = 10_000;
const HISTORIES_MAX = 2_000;
/** A shard or process that was silent for so long is no loss any more but somebody's decision. */
const FORGOTTEN_MS = 3_600_000;
const KINDS = /^(region|shard|replica|release|job|disk|objective)\./;

export class OperationsWatch {
  private readonly leaving = new AbortController();
  private readonly sinceMs: number;
  private readonly beats = new Map<string, Heard<Heartbeat>>();
  private readonly processes = new Map<string, Heard<ProcessStatus>>();
  private readonly endpoints = new KnownRecords(1, 'endpoint.', EndpointRecord);
  private readonly histories = new Map<string, OutcomeHistory>();
  private readonly doors: DoorCounts;
  private readonly standing = new StandingFindings();
  private releases: Seen['releases'] = [];
  private jobs: Seen['jobs'] = [];
  private looks = 0;
  private askedDoorsMs: number | undefined;
  private looking = false;

  constructor(private readonly parts: OperationsWatchParts) {
    this.sinceMs = parts.clock.now();
    this.doors = new DoorCounts((endpoint) => this.objectiveOf(endpoint).latency?.ms);
  }

  begin(): void {
    const { bus, clock, log, objectives } = this.parts;
    const { signal } = this.leaving;
    const deafen = hearBeats(bus, log, (beat) =>
      keep(this.beats, beat.shard, { what: beat, atMs: clock.now() }),
    );
    void watchBucket(bus, buckets.catalog(bus.region), (entry) => this.endpoints.take(0, entry), signal, {
      clock,
      log,
    });
    const stop = clock.every(objectives.lookS * 1_000, () => void this.look());
    signal.addEventListener('abort', () => {
      stop();
      deafen();
    });
  }

  close(): void {
    this.leaving.abort();
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    const { desk, clock, log, objectives, bus } = this.parts;
    try {
      if (this.looks++ % ASK_EVERY_LOOKS === 0) await this.ask();
      // Without a bus nothing can be heard: silence says nothing of the others then.
      if (!bus.connected() || this.leaving.signal.aborted) return;
      const findings = decideFindings(this.seen(), objectives);
      const open = desk.list().filter(({ kind, overAt }) => KINDS.test(kind) && overAt === undefined);
      // What an earlier auditor saw is not over before this one can have seen it.
      const settled = clock.now() - this.sinceMs > objectives.regionSilentS * 1_000;
      const { raise, over } = this.standing.take(findings, settled ? open : [], clock.now());
      for (const { afterS: _, ...trouble } of raise) desk.raise(trouble);
      for (const alert of over) desk.over(alert);
    } catch (error) {
      log.warn('auditor.operations.waiting', errorFields(error));
    } finally {
      this.looking = false;
    }
  }

  private seen(): Seen {
    const { clock, regions, objectives } = this.parts;
    const nowMs = clock.now();
    for (const heard of [this.beats, this.processes])
      for (const [name, { atMs }] of heard) if (nowMs - atMs > FORGOTTEN_MS) heard.delete(name);
    // Of thousands few had any trouble, and the windows of each are a thousand slots.
    const troubled = [...this.histories].filter(([, history]) => !history.isClean(nowMs));
    const burning = troubled.flatMap(([endpoint, history]) =>
      decideBurning(
        (windowMs) => history.within(windowMs, nowMs),
        this.objectiveOf(endpoint),
        objectives,
      ).map((of) => ({ endpoint, model: this.endpoints.get(endpoint)?.model, of })),
    );
    return {
      nowMs,
      sinceMs: this.sinceMs,
      regions,
      beats: [...this.beats.values()],
      processes: [...this.processes.values()],
      endpoints: this.endpoints.all(),
      releases: this.releases,
      jobs: this.jobs,
      burning,
    };
  }

  private objectiveOf(endpoint: string): Objective {
    const { every, endpoints } = this.parts.objectives;
    const { availability = every.availability, latency = every.latency } = endpoints[endpoint] ?? {};
    return { availability, ...(latency && { latency }) };
  }

  private async ask(): Promise<void> {
    const { bus } = this.parts;
    const once = { timeoutMs: ASK_MS };
    await Promise.all([
      this.askDoors(),
      this.askProcesses(),
      bus
        .request(subjects.release('list'), ReleasesReply, { active: true }, once)
        .then(({ releases }) => (this.releases = releases), unanswered),
      Promise.all([
        bus.request(subjects.trainer('jobs'), JobsReply, {}, once).then(({ jobs }) => jobs),
        bus.request(subjects.compressor('jobs'), CompressJobsReply, {}, once).then(({ jobs }) => jobs),
      ]).then(([train, compress]) => {
        this.jobs = [
          ...train.map((job) => ({ ...job, kind: 'train' as const })),
          ...compress.map((job) => ({ ...job, kind: 'compress' as const })),
        ];
      }, unanswered),
    ]);
  }

  private async askDoors(): Promise<void> {
    const { regions, clock } = this.parts;
    const before = this.askedDoorsMs;
    this.askedDoorsMs = clock.monotonicMs();
    const query: MetricsQuery = {
      name: DOOR_SECONDS,
      ...(before !== undefined && { withinMs: Math.round(ASKINGS * (this.askedDoorsMs - before)) }),
    };
    const question = JSON.stringify(query);
    const pages = await Promise.all(
      regions.map((region) => this.answers(subjects.metrics(region), question)),
    );
    for (const [endpoint, outcomes] of this.doors.read(pages.flat())) {
      const known = this.histories.get(endpoint);
      if (!known && this.histories.size >= HISTORIES_MAX) continue;
      const history = known ?? new OutcomeHistory();
      this.histories.set(endpoint, history);
      history.add(outcomes, clock.now());
    }
  }

  private async askProcesses(): Promise<void> {
    const { clock } = this.parts;
    for (const text of await this.answers(subjects.status())) {
      const status = ProcessStatus.safeParse(readJson(text));
      if (status.success)
        keep(this.processes, status.data.instance, { what: status.data, atMs: clock.now() });
    }
  }

  /** Of everybody who has one. */
  private async answers(subject: string, question?: string): Promise<string[]> {
    const found: string[] = [];
    const options = { strategy: 'stall', stall: QUIET_MS, maxWait: ASK_MS } as const;
    try {
      for await (const answer of await this.parts.bus.nc.requestMany(subject, question, options))
        if (answer.data.length > 0) found.push(answer.string());
    } catch {
      // Nobody is there to answer, which is what silence says anyway.
    }
    return found;
  }
}

const unanswered = (): void => undefined;

function keep<T>(heard: Map<string, Heard<T>>, name: string, one: Heard<T>): void {
  if (heard.has(name) || heard.size < HEARD_MAX) heard.set(name, one);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
