// Leads every release that goes on, in the leading registry: an actor each, asked to look several times a second. A look gathers
// what is seen, decides (look.ts), writes the decision under the epoch of this leadership, and carries it out. A process that takes
// over finds all it needs in the record: state, deadline, plan.
import { failure, Failure } from '../../../contracts/errors.js';
import type { JudgeInput } from '../../../contracts/analysis.js';
import { EvidenceReport } from '../../../contracts/evidence.js';
import type { Judged, ReleaseRecord } from '../../../contracts/release.js';
import { wildcards } from '../../../contracts/subjects.js';
import { subjects } from '../../../contracts/subjects.js';
import { ActorSystem } from '../../mesh/actor-system.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { EvidenceCollector } from '../../mesh/evidence/collector.js';
import { hearBeats } from '../../mesh/hear-beats.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { Random } from '../../mesh/random.js';
import type { Judge } from '../../mesh/release/replay.js';
import { VERSION } from '../../mesh/version.js';
import type { CatalogState } from '../catalog-state.js';
import type { PlacementState } from '../placement-state.js';
import type { BucketLog } from '../../mesh/bucket-log.js';
import { Wake } from '../../mesh/calls/wake.js';
import type { CarryOut } from './carry-out.js';
import { look } from './look.js';
import type { ReleaseStore } from './release-store.js';
import { Sightings } from './sightings.js';
import { standings } from './standing.js';

export interface ConductorParts {
  readonly bus: Bus;
  readonly store: ReleaseStore;
  readonly carryOut: CarryOut;
  readonly catalog: BucketLog;
  readonly catalogState: CatalogState;
  readonly placement: BucketLog;
  readonly placementState: PlacementState;
  readonly judge: Judge;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

// From the last bad answer to weight 0 everywhere there are two seconds; this look is the first part of them.
const LOOK_EVERY_MS = 100;
// Orders wake the conductor; this look finds what was written while nobody led.
const IDLE_LOOK_MS = 1_000;
const LOOK_MS_MAX = 10_000;
// Old releases go with their journals.
const FORGET_EVERY_MS = 10 * 60_000;

export class Conductor {
  private readonly sightings = new Sightings();
  private readonly evidence = new EvidenceCollector();
  private readonly wake: Wake;

  constructor(private readonly parts: ConductorParts) {
    this.wake = new Wake(parts.clock);
  }

  /** Until the signal ends it; rejects with LEASE_LOST when a later leader has decided. */
  async run(epoch: number, signal: AbortSignal): Promise<void> {
    const { store, clock, random, log } = this.parts;
    const stopListening = this.listen();
    const actors = new ActorSystem<'look', void>(
      {
        make: (address) => ({
          receive: (_message, ended) => this.look(idOf(address), epoch, AbortSignal.any([signal, ended])),
        }),
      },
      {
        clock,
        random,
        log,
        escalate: (address, cause) => log.error('release.stuck', { address, ...errorFields(cause) }),
      },
    );
    let troubled = false;
    let forgetAtMs = clock.monotonicMs();
    try {
      while (!signal.aborted) {
        const mark = this.wake.mark();
        let waitMs = IDLE_LOOK_MS;
        try {
          await store.refresh();
          const ids = this.unfinished().map(({ id }) => id);
          if (ids.length > 0) {
            waitMs = LOOK_EVERY_MS;
            await this.parts.catalog.refresh();
            await this.parts.placement.refresh();
          }
          await this.lookAll(actors, ids);
          if (clock.monotonicMs() >= forgetAtMs) {
            forgetAtMs = clock.monotonicMs() + FORGET_EVERY_MS;
            await store.forget();
          }
          troubled = false;
        } catch (error) {
          if (error instanceof Failure && error.code === 'LEASE_LOST') throw error;
          if (!troubled) log.warn('release.waiting', errorFields(error));
          troubled = true;
        }
        await this.wake.sleep(waitMs, mark, signal);
      }
    } finally {
      stopListening();
      await actors.close();
    }
  }

  /** One release in trouble does not hold up the others. */
  private async lookAll(actors: ActorSystem<'look', void>, ids: readonly string[]): Promise<void> {
    const looks = ids.map((id) => actors.ask(addressOf(id), 'look', { timeoutMs: LOOK_MS_MAX }));
    const failed = (await Promise.allSettled(looks)).filter((one) => one.status === 'rejected');
    const lost = failed.find(({ reason }) => reason instanceof Failure && reason.code === 'LEASE_LOST');
    const [first] = lost ? [lost] : failed;
    if (first) throw first.reason;
  }

  /** Those that go on, and those whose last plan nobody carried out yet. */
  private unfinished(): ReleaseRecord[] {
    const { store, catalogState, carryOut } = this.parts;
    const active = store.states.active();
    const ended = store.states
      .all()
      .filter(
        (record) =>
          !active.includes(record) &&
          catalogState.endpoints.get(record.endpoint)?.release?.id === record.id &&
          !carryOut.isCarriedOut(record),
      );
    return [...active, ...ended];
  }

  private async look(id: string, epoch: number, signal: AbortSignal): Promise<void> {
    const { store, carryOut, clock } = this.parts;
    const record = store.states.find(id);
    if (!record || signal.aborted) return;
    if (record.plan.epoch > epoch)
      throw failure('LEASE_LOST', `Epoch ${record.plan.epoch} decides on ${id} by now.`, { id });
    // Of an earlier release of the endpoint.
    if (record.state === 'loading') this.evidence.forget(record.endpoint);
    if (!carryOut.isCarriedOut(record)) return carryOut.carryOut(record);
    const nowMs = clock.now();
    const endpoint = this.parts.catalogState.endpoints.get(record.endpoint);
    const seen = {
      nowMs,
      carriedOut: true,
      standings: standings(record.plan.arms, {
        shards: this.sightings.shards(nowMs),
        placements: this.parts.placementState.placements(),
        replicasPerRegion: endpoint?.replicasPerRegion ?? 1,
        sinceMs: Date.parse(record.enteredAt),
      }),
      judged: this.judged(record, nowMs),
    };
    const first = look(record, seen);
    if (!first) return;
    const next = await store.advance(id, (newest) => {
      // Somebody gave an order meanwhile: what was seen is of another state.
      if (newest.last.seq !== record.last.seq) return undefined;
      return { decided: first, now: { atMs: nowMs, epoch, code: VERSION } };
    });
    await carryOut.carryOut(next);
    this.wake.nudge();
  }

  private judged(record: ReleaseRecord, nowMs: number): Judged | undefined {
    const { course, state, snapshot, startedAt } = record;
    const compares =
      state === 'shadow' ||
      (state === 'step' && course.steps[record.step]?.gate === 'analysis') ||
      (state === 'paused' && (snapshot.context.pausedIn === 'shadow' || startedAt !== undefined));
    if (!course.judged || !compares) return undefined;
    const serving = new Set(
      record.plan.arms.filter(({ weight }) => weight > 0 || course.shadow).map(({ arm }) => arm),
    );
    const candidates = course.judged.candidates.filter(
      (arm) => serving.has(arm) && !snapshot.context.out.includes(arm),
    );
    const endpoint = this.parts.catalogState.endpoints.get(record.endpoint);
    if (!endpoint || candidates.length === 0 || !serving.has(course.judged.baseline)) return undefined;
    const input: JudgeInput = {
      analysis: course.judged.analysis,
      baseline: course.judged.baseline,
      candidates,
      evidence: this.evidence.evidence(record.endpoint, course.epochBefore + 1),
      epoch: endpoint.epoch ?? 0,
      memory: record.memory ?? { sampleRatioAlarm: false },
      nowMs,
      startedMs: Date.parse(startedAt ?? record.enteredAt),
      stepMs: Date.parse(record.enteredAt),
    };
    return { input, verdict: this.parts.judge(input) };
  }

  private listen(): () => void {
    const { bus, clock, log } = this.parts;
    const deafen = hearBeats(bus, log, (beat) => this.sightings.heard(beat, clock.now()));
    const reports = bus.nc.subscribe(wildcards.evidence(), {
      callback: (error, message) => {
        if (error) return log.error('subscription.failed', errorFields(error));
        const report = readReport(message.string());
        if (report && this.parts.store.states.activeAt(report.endpoint))
          this.evidence.take(report, clock.now());
      },
    });
    const notices = bus.nc.subscribe(subjects.releaseEvents(), { callback: () => this.wake.nudge() });
    return () => {
      deafen();
      reports.unsubscribe();
      notices.unsubscribe();
    };
  }
}

function readReport(text: string): EvidenceReport | undefined {
  try {
    return EvidenceReport.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const ADDRESS = 'massif.registry.release.';
const addressOf = (id: string): string => `${ADDRESS}${id}`;
const idOf = (address: string): string => address.slice(ADDRESS.length);
