// Brings kept requests of a suspected version to the costlier checks (detect/closer-look.ts), and what these say to the watch. Only where somebody allowed
// samples of the model on suspicion, with the values of its input; one version after the other, for each look asks a few hundred times.
import { randomUUID } from 'node:crypto';
import { Buffer } from 'node:buffer';
import type { Baseline } from '../../../contracts/detection.js';
import type { Digest } from '../../../contracts/names.js';
import type { ProbeSet } from '../../../contracts/probe.js';
import type { Sample } from '../../../contracts/sampling.js';
import { fromBlob } from '../../../contracts/tensor.js';
import type { VerdictNotice } from '../../../contracts/verdict.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { Random } from '../../mesh/random.js';
import { inWords, lookCloser } from '../detect/closer-look.js';
import type { Ask } from '../detect/escalation.js';
import { softmax } from '../detect/logit-scores.js';
import { meanRow } from '../detect/model-rows.js';
import { askProbe } from '../fraud/ask-probe.js';
import { endpointOf } from '../fraud/endpoint-of.js';

type About = Pick<VerdictNotice, 'model' | 'label' | 'version'>;

export interface CloserLooksParts {
  readonly bus: Bus;
  readonly samplesOf: (model: string) => Promise<readonly Sample[]>;
  /** Every request was kept for a while: that is over, so that what is asked now does not push out what callers asked. */
  readonly calm: (model: string) => void;
  readonly probesOf: (version: Digest) => Promise<ProbeSet | undefined>;
  readonly cleanOf: (set: ProbeSet) => Promise<readonly Float32Array[]>;
  readonly featuresOf: (version: Digest) => ReadonlyMap<number, readonly Float32Array[]>;
  readonly baselineOf: (version: Digest) => Promise<Baseline | undefined>;
  readonly found: (version: Digest, words: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Until so many requests of the version were kept, it is looked again so many times. */
const [LIVE_LEAST, LIVE_MOST, TRIES, WAIT_MS] = [8, 12, 60, 1_000];
const CLEAN = 24;
const AT_ONCE = 4;
const OWN_KEPT = 8_192;

export class CloserLooks {
  private turn: Promise<void> = Promise.resolve();
  private readonly under = new Set<Digest>();
  private readonly own = new Set<string>();
  private readonly leaving = new AbortController();

  constructor(private readonly parts: CloserLooksParts) {}

  /** Whether a request is one of these checks: they are no callers' requests, and nothing is to be learned from them. */
  asked(requestId: string): boolean {
    return this.own.has(requestId);
  }

  /** Never rejects; nothing where it is looked at already. */
  begin(about: About): void {
    const { version } = about;
    if (this.under.has(version)) return;
    this.under.add(version);
    const since = this.parts.clock.now();
    this.turn = this.turn
      .then(() => this.look(about, since))
      .catch((error: unknown) =>
        this.parts.log.warn('auditor.look.failed', { ...about, ...errorFields(error) }),
      )
      .finally(() => this.under.delete(version));
  }

  close(): void {
    this.leaving.abort();
  }

  private async look(about: About, since: number): Promise<void> {
    const { parts } = this;
    const { model, version } = about;
    const [set, baseline] = await Promise.all([parts.probesOf(version), parts.baselineOf(version)]);
    if (!set || !baseline) return;
    const live = await this.live(about, set, since);
    parts.calm(model);
    if (live.length < LIVE_LEAST) return;
    const all = await parts.cleanOf(set);
    const clean = Array.from({ length: CLEAN }, () => all[Math.floor(parts.random() * all.length)]);
    const endpoint = await endpointOf(parts.bus, about, parts.random);
    if (endpoint === undefined) return;
    const ask = this.askOf({ endpoint, label: about.label }, set, baseline);
    const findings = await lookCloser(
      ask,
      { live, clean: clean.filter((one) => one !== undefined), features: parts.featuresOf(version) },
      parts.random,
    );
    parts.found(version, inWords(live.length, findings));
  }

  private async live(about: About, set: ProbeSet, since: number): Promise<Float32Array[]> {
    const { samplesOf, clock } = this.parts;
    let found: Float32Array[] = [];
    for (let tries = 0; tries < TRIES && found.length < LIVE_LEAST; tries++) {
      await clock.sleep(WAIT_MS, this.leaving.signal);
      found = (await samplesOf(about.model))
        .filter((one) => one.version === about.version && Date.parse(one.at) >= since)
        .filter((one) => !this.asked(one.requestId))
        .flatMap((one) => firstRow(one, set) ?? []);
    }
    return found.slice(0, LIVE_MOST);
  }

  /** By the normal route, a few at once. */
  private askOf(to: { endpoint: string; label: string }, set: ProbeSet, { output }: Baseline): Ask {
    const { input, shape, output: name } = set;
    // Where the baseline follows logits behind a tap, callers are given probabilities.
    const kind = name === output.name ? output.kind : 'probabilities';
    const one = async (values: Float32Array): Promise<ArrayLike<number>> => {
      const requestId = randomUUID();
      this.own.add(requestId);
      const [oldest = ''] = this.own;
      if (this.own.size > OWN_KEPT) this.own.delete(oldest);
      const answer = await askProbe(this.parts.bus.nc, {
        ...to,
        input,
        shape,
        output: name,
        values,
        requestId,
      });
      const row = meanRow(Float32Array.from(answer.values), output.classes);
      return kind === 'logits' ? softmax(row) : row;
    };
    return async (inputs) => {
      const answers: ArrayLike<number>[] = [];
      for (let from = 0; from < inputs.length; from += AT_ONCE)
        answers.push(...(await Promise.all(inputs.slice(from, from + AT_ONCE).map(one))));
      return answers;
    };
  }
}

/** Undefined where the rule does not have its values kept, or its shape is another. */
function firstRow({ inputs }: Sample, { input, shape }: ProbeSet): Float32Array | undefined {
  const kept = inputs.find(({ name }) => name === input);
  if (kept?.data === undefined || kept.datatype !== 'FP32') return undefined;
  const size = shape.reduce((product, one) => product * one, 1);
  const rows = kept.shape[0] ?? 1;
  if (kept.shape.slice(1).join() !== shape.slice(1).join()) return undefined;
  const blob = Uint8Array.from(Buffer.from(kept.data, 'base64'));
  const values = fromBlob(input, 'FP32', rows * size, blob) as Float32Array;
  const row = values.slice(0, size);
  return row.every(Number.isFinite) ? row : undefined;
}
