// What is done about a drift where somebody asked for it in a rule of sampling: when a version is suspected and enough of what callers send
// since was kept, a compressor is given a job that lets the version learn from it. The result is published and serves nobody by itself.
import { CompressReply, type CompressRequest } from '../../../contracts/compressor.js';
import type { CompressionRecipe } from '../../../contracts/compression-recipe.js';
import type { Digest } from '../../../contracts/names.js';
import { subjects } from '../../../contracts/subjects.js';
import type { VerdictNotice } from '../../../contracts/verdict.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { TellAudit } from '../../mesh/tell-audit.js';
import type { Trouble } from '../alerts/alert-desk.js';
import type { RingPlace, Samples } from './samples.js';

export interface DriftFollowerParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly samples: Pick<Samples, 'rule' | 'place' | 'countBehind'>;
  readonly tell: TellAudit;
  readonly raise: (trouble: Trouble) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Of which half is learned from, a quarter chosen by, and a quarter judged by. */
export const SAMPLES_WANTED = 128;
/** One job a version; what it learned is judged before the next. */
export const AGAIN_MS = 3_600_000;
const LOOK_MS = 5_000;
const SUBMIT_MS = 30_000;

export interface Drifted {
  readonly model: string;
  readonly label: string;
  readonly version: Digest;
  readonly at: string;
  readonly place: RingPlace;
}

/** Broken answers are no drift, and a version that was stopped asks nobody to follow. */
export const isDrift = ({ judgement, act }: Pick<VerdictNotice, 'judgement' | 'act'>): boolean =>
  judgement.verdict !== 'normal' && judgement.faults.length === 0 && act !== 'stopped';

export class DriftFollower {
  private readonly drifted = new Map<Digest, Drifted>();
  private readonly orderedMs = new Map<Digest, number>();
  private readonly stop: () => void;
  private working = false;

  constructor(private readonly parts: DriftFollowerParts) {
    this.stop = parts.clock.every(LOOK_MS, () => void this.look());
  }

  close(): void {
    this.stop();
  }

  async see(notice: VerdictNotice): Promise<void> {
    const { samples, clock, log } = this.parts;
    const { model, label, version, at } = notice;
    const lately = clock.now() - (this.orderedMs.get(version) ?? -Infinity) < AGAIN_MS;
    if (!isDrift(notice) || lately || this.drifted.has(version)) return;
    if (samples.rule(model)?.follow === undefined) return;
    try {
      this.drifted.set(version, { model, label, version, at, place: await samples.place() });
    } catch (error) {
      log.warn('drift.unseen', { model, ...errorFields(error) });
    }
  }

  /** Whether there is enough by now; a rule that ended ends the wait. */
  async look(): Promise<void> {
    if (this.working) return;
    this.working = true;
    const { samples, log } = this.parts;
    try {
      for (const one of this.drifted.values()) {
        const recipe = samples.rule(one.model)?.follow;
        if (recipe === undefined) this.drifted.delete(one.version);
        else if ((await samples.countBehind(one.place, one.model, SAMPLES_WANTED)) >= SAMPLES_WANTED)
          await this.order(one, recipe);
      }
    } catch (error) {
      log.warn('drift.waiting', errorFields(error));
    } finally {
      this.working = false;
    }
  }

  private async order({ model, label, version, at }: Drifted, recipe: CompressionRecipe): Promise<void> {
    const { bus, clock, tell, raise } = this.parts;
    this.drifted.delete(version);
    this.orderedMs.set(version, clock.now());
    const request: CompressRequest = {
      job: {
        model,
        version,
        how: { kind: 'recipe', name: 'follow', recipe },
        data: { kind: 'live', last: SAMPLES_WANTED, since: at },
        seed: 1,
        aliases: [],
        publish: true,
      },
    };
    const said = await bus
      .request(subjects.compressor('submit'), CompressReply, request, { timeoutMs: SUBMIT_MS })
      .then(
        ({ record }) => ({ job: record.id }),
        (error: unknown) => ({ why: error instanceof Error ? error.message : String(error) }),
      );
    const job = 'job' in said ? said.job : undefined;
    const why = 'why' in said ? said.why : `What ${model} ${label} is asked has changed since ${at}.`;
    tell({
      who: 'auditor',
      action: 'drift.followed',
      about: { model, version, job },
      outcome: job === undefined ? 'refused' : 'done',
      why,
    });
    raise({
      kind: 'drift.followed',
      about: version,
      model,
      severity: 'warning',
      summary: (job === undefined
        ? `${model} ${label} drifts, and no version could be made that follows: ${why}`
        : `${model} ${label} drifts: the job ${job} makes a version that follows what it is asked since ${at}.`
      ).slice(0, 500),
      evidence: { version, samples: String(SAMPLES_WANTED), ...(job !== undefined && { job }) },
      requestIds: [],
      next:
        job === undefined
          ? `massif samples; massif compress ${model} ${label} --recipe FILE --live.`
          : `massif compress --job ${job}; when it is done and better, massif release apply brings it to callers.`,
      runbook: 'deploy/runbooks/verdicts.md',
    });
  }
}
