// Keeps some of a replica's requests and answers for later, where the auditor says that somebody asked for it: after the answer, a bounded number
// a second, redacted before anything leaves the process. What was chosen and had no room is counted.
import {
  RULES_VALID_MS,
  type Sample,
  SAMPLE_BYTES,
  type SampledTensor,
  type SamplingRule,
  SamplingRules,
} from '../../../contracts/sampling.js';
import { type Tensor, toBlob } from '../../../contracts/tensor.js';
import type { Clock } from '../../mesh/clock.js';
import { inputStatistics } from '../../mesh/observing/input-statistics.js';
import type { Random } from '../../mesh/random.js';
import type { Answered } from './observer.js';
import { redact } from './redact.js';

/** What the rules are for the models of one engine; obeyed for half a minute after they were told. */
export class HeardRules {
  private rules = new Map<string, SamplingRule>();
  private heardMs = -Infinity;

  constructor(private readonly clock: Pick<Clock, 'now' | 'monotonicMs'>) {}

  hear(text: string): void {
    const read = SamplingRules.safeParse(JSON.parse(text));
    if (!read.success) return;
    this.rules = new Map(read.data.rules.map((rule) => [rule.model, rule]));
    this.heardMs = this.clock.monotonicMs();
  }

  of(model: string): SamplingRule | undefined {
    const rule = this.rules.get(model);
    if (rule === undefined || this.clock.monotonicMs() - this.heardMs > RULES_VALID_MS) return undefined;
    return Date.parse(rule.until) > this.clock.now() ? rule : undefined;
  }
}

export interface SamplerParts {
  readonly about: Pick<Sample, 'region' | 'replica' | 'model' | 'label' | 'version'> & {
    readonly life: string;
  };
  readonly rules: Pick<HeardRules, 'of'>;
  readonly publish: (sample: Sample) => void;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly random: Random;
}

const EVERY_MS = 250;
/** Samples that wait for the next round: 32 a second and replica. */
const WAITING_MAX = 8;
const TENSORS_MAX = 16;
/** Statistics cost about 5 ns a number. */
const NUMBERS_MAX = 65_536;

export class Sampler {
  private waiting: { readonly answer: Answered; readonly rule: SamplingRule }[] = [];
  private stop: (() => void) | undefined;
  private readonly counts = { seen: 0, kept: 0, dropped: 0 };

  constructor(private readonly parts: SamplerParts) {}

  /** Whether somebody asked for samples; costs one look into a map where nobody did. */
  get wants(): boolean {
    return this.parts.rules.of(this.parts.about.model) !== undefined;
  }

  see(answer: Answered): void {
    const { rules, about, random, clock } = this.parts;
    const rule = rules.of(about.model);
    if (rule === undefined) return;
    this.counts.seen++;
    if (random() >= rule.rate) return;
    if (this.waiting.length >= WAITING_MAX) {
      this.counts.dropped++;
      return;
    }
    this.waiting.push({ answer, rule });
    this.stop ??= clock.after(EVERY_MS, () => this.tell());
  }

  /** What waits goes out now. */
  tell(): void {
    this.stop?.();
    this.stop = undefined;
    const { waiting, counts, parts } = this;
    this.waiting = [];
    const { life, ...about } = parts.about;
    for (const { answer, rule } of waiting) {
      counts.kept++;
      let room = SAMPLE_BYTES;
      const kept = (tensors: readonly Tensor[]): SampledTensor[] =>
        tensors.slice(0, TENSORS_MAX).map((tensor) => {
          const one = sampledTensor(tensor, rule, room);
          room -= (one.data?.length ?? 0) * 0.75;
          return one;
        });
      const at = new Date(parts.clock.now()).toISOString();
      const { requestId, inputs, outputs } = answer;
      const body = { inputs: kept(inputs), outputs: kept(outputs) };
      parts.publish({ ...about, at, requestId, ...body, counts: { life, ...counts } });
    }
  }
}

/** Default deny: values only of what the rule names, and of texts only what is left after masking. */
export function sampledTensor(
  { name, datatype, shape, data }: Tensor,
  { keep, plain }: Pick<SamplingRule, 'keep' | 'plain'>,
  bytesMax: number,
): SampledTensor {
  const about = { name, datatype, shape: [...shape] };
  const known = statisticsOf(data);
  const described = { ...about, ...(known && { statistics: known }) };
  if (!keep.includes('*') && !keep.includes(name)) return described;
  const { values, masked } = datatype === 'BYTES' && !plain ? maskedTexts(data) : { values: data, masked: 0 };
  const blob = toBlob(values);
  if (blob.length > bytesMax) return described;
  return { ...described, data: Buffer.from(blob).toString('base64'), ...(masked > 0 && { masked }) };
}

function maskedTexts(data: Tensor['data']): { values: string[]; masked: number } {
  let masked = 0;
  const values = Array.from(data as readonly (string | Uint8Array)[], (one) => {
    const found = redact(typeof one === 'string' ? one : Buffer.from(one).toString('utf8'));
    masked += found.masked;
    return found.text;
  });
  return { values, masked };
}

function statisticsOf(data: Tensor['data']): Record<string, number> | undefined {
  if (!(data instanceof Float32Array || data instanceof Float64Array) || data.length > NUMBERS_MAX)
    return undefined;
  const found = inputStatistics(data);
  return Object.values(found).every(Number.isFinite) ? found : undefined;
}
