// The auditor's side of payload sampling: keeps the rules, tells engines of them, and holds the ring of samples, a stream that forgets by count, bytes and
// age. Who reads a sample is written down.
import { DiscardPolicy, jetstreamManager, StorageType } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { nanos } from '@nats-io/transport-node';
import { buckets, keys, streams } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import {
  RULES_MAX,
  RULES_TOLD_MS,
  Sample,
  SAMPLES_AGE_MS,
  SAMPLES_BYTES,
  SAMPLES_OF_MODEL,
  type SamplesReply,
  type SamplesRequest,
  type SamplingReply,
  type SamplingRequest,
  SamplingRule,
} from '../../../contracts/sampling.js';
import { subjects, wildcards } from '../../../contracts/subjects.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import type { TellAudit } from '../../mesh/tell-audit.js';

export interface SamplesParts {
  readonly bus: Bus;
  readonly region: string;
  readonly clock: Clock;
  readonly tell: TellAudit;
}

/** Of one reply. */
const REPLY_BYTES_MAX = 768 * 1_024;
/** What kept a moment in the ring: samples behind it are younger. */
export type RingPlace = number;
/** All requests of a suspected version are kept for so long. */
const SUSPECTED_MS = 60_000;

export class Samples {
  private readonly rules = new Map<string, SamplingRule>();
  private readonly suspected = new Map<string, number>();
  private readonly stop: () => void;

  private constructor(
    private readonly parts: SamplesParts,
    private readonly bucket: KV,
  ) {
    this.stop = parts.clock.every(RULES_TOLD_MS, () => this.tellRules());
  }

  static async open(parts: SamplesParts): Promise<Samples> {
    const { bus, region } = parts;
    const manager = await jetstreamManager(bus.nc);
    await manager.streams.add({
      name: streams.samples(region),
      subjects: [wildcards.sampled()],
      storage: StorageType.File,
      max_msgs_per_subject: SAMPLES_OF_MODEL,
      max_bytes: SAMPLES_BYTES,
      max_age: nanos(SAMPLES_AGE_MS),
      discard: DiscardPolicy.Old,
      allow_direct: true,
    });
    const bucket = await bus.kv(buckets.sampling(region), { create: { history: 1 } });
    const samples = new Samples(parts, bucket);
    for await (const key of await bucket.keys()) {
      const entry = await bucket.get(key);
      const rule = entry?.operation === 'PUT' ? SamplingRule.safeParse(entry.json()) : undefined;
      if (rule?.success) samples.rules.set(rule.data.model, rule.data);
    }
    return samples;
  }

  close(): void {
    this.stop();
  }

  /** A version of the model is suspicious: where the rule says so, every request is kept for a while. False where it does not. */
  suspect(model: string): boolean {
    if (this.rules.get(model)?.onSuspicion !== true) return false;
    this.suspected.set(model, this.parts.clock.now() + SUSPECTED_MS);
    this.tellRules();
    return true;
  }

  /** Before that while is over. */
  calm(model: string): void {
    if (this.suspected.delete(model)) this.tellRules();
  }

  /** Undefined where there is none, or its time is over. */
  rule(model: string): SamplingRule | undefined {
    const rule = this.rules.get(model);
    return rule !== undefined && Date.parse(rule.until) > this.parts.clock.now() ? rule : undefined;
  }

  async place(): Promise<RingPlace> {
    const { bus, region } = this.parts;
    const manager = await jetstreamManager(bus.nc);
    return (await manager.streams.info(streams.samples(region))).state.last_seq;
  }

  /** Samples of the model behind the place; it is not counted beyond `most`. */
  async countBehind(place: RingPlace, model: string, most: number): Promise<number> {
    const { bus, region } = this.parts;
    const { direct } = await jetstreamManager(bus.nc);
    const subject = subjects.sampled(model);
    let count = 0;
    for (let seq = place + 1; count < most; count++) {
      const message = await direct
        .getMessage(streams.samples(region), { seq, next_by_subj: subject })
        .catch(() => null);
      if (message === null) break;
      seq = message.seq + 1;
    }
    return count;
  }

  async change({ rule, off, by }: SamplingRequest): Promise<SamplingReply> {
    const { tell } = this.parts;
    if (rule) {
      if (!this.rules.has(rule.model) && this.rules.size >= RULES_MAX)
        throw failure('BAD_REQUEST', `There are ${RULES_MAX} rules of sampling already: end one first.`);
      await this.bucket.put(keys.samplingRule(rule.model), JSON.stringify(rule));
      this.rules.set(rule.model, rule);
      const about = {
        model: rule.model,
        rate: rule.rate,
        keep: rule.keep.join(' '),
        until: rule.until,
        ...(rule.follow && { follow: 'yes' }),
      };
      tell({
        who: by,
        action: 'samples.asked',
        about: { ...about, plain: String(rule.plain) },
        outcome: 'done',
      });
    }
    if (off !== undefined) {
      await this.bucket.delete(keys.samplingRule(off));
      this.rules.delete(off);
      tell({ who: by, action: 'samples.ended', about: { model: off }, outcome: 'done' });
    }
    if (rule || off !== undefined) this.tellRules();
    return this.state();
  }

  /** Newest first, as many as one message holds. */
  async read({ model, count, before, by }: SamplesRequest): Promise<SamplesReply> {
    const { bus, region, tell } = this.parts;
    const manager = await jetstreamManager(bus.nc);
    const stream = streams.samples(region);
    const subject = subjects.sampled(model);
    const { state } = await manager.streams.info(stream);
    const samples: Sample[] = [];
    let bytes = 0;
    let last = before === 0 ? state.last_seq : before - 1;
    // The stream has no reading backwards; its ring of one model is short, so the whole of it is walked.
    const places: { seq: number; text: string }[] = [];
    for (let seq = state.first_seq; seq <= last && state.messages > 0;) {
      const message = await manager.direct
        .getMessage(stream, { seq, next_by_subj: subject })
        .catch(() => null);
      if (message === null || message.seq > last) break;
      places.push({ seq: message.seq, text: message.string() });
      seq = message.seq + 1;
    }
    for (const { seq, text } of places.toReversed()) {
      if (samples.length >= count || bytes + text.length > REPLY_BYTES_MAX) break;
      bytes += text.length;
      last = seq;
      const sample = Sample.safeParse(JSON.parse(text));
      if (sample.success) samples.push(sample.data);
    }
    const more = places.some(({ seq }) => seq < last);
    tell({ who: by, action: 'samples.read', about: { model, samples: samples.length }, outcome: 'done' });
    return { samples, before: more ? last : 0 };
  }

  private async state(): Promise<SamplingReply> {
    const { bus, region } = this.parts;
    const manager = await jetstreamManager(bus.nc);
    const info = await manager.streams.info(streams.samples(region), {
      subjects_filter: wildcards.sampled(),
    });
    const counted = Object.entries(info.state.subjects ?? {});
    const models = new Map(
      counted.map(([subject, count]) => [subject.slice(subject.lastIndexOf('.') + 1), count]),
    );
    return {
      rules: [...this.rules.values()],
      models: [...models].map(([model, samples]) => ({ model, samples })),
      bytes: info.state.bytes,
    };
  }

  private tellRules(): void {
    const { bus, clock } = this.parts;
    if (bus.nc.isClosed()) return;
    const now = clock.now();
    const rules = [...this.rules.values()]
      .filter(({ until }) => Date.parse(until) > now)
      .map((rule) => ({
        ...rule,
        // Engines have no use for it.
        follow: undefined,
        ...((this.suspected.get(rule.model) ?? 0) > now && { rate: 1 }),
      }));
    bus.nc.publish(subjects.sampling(), JSON.stringify({ rules }));
  }
}
