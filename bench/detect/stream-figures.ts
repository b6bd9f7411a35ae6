// The sequential part of bench detect: false alarms over many clean requests, delays after a shift, and what each source alone sees of an attack.
import type { Baseline, StreamSource } from '../../contracts/detection.js';
import { classOf } from '../../services/auditor/detect/logit-scores.js';
import type { Row } from '../../services/auditor/detect/scores.js';
import { VersionWatch } from '../../services/auditor/detect/version-watch.js';
import type { Seeded } from '../../services/onnx/seeded.js';

export interface Scored {
  readonly deviations: Float64Array;
  readonly label: number;
}

/** Every row's deviations from the baseline, in the order of its streams. */
export function scored(baseline: Baseline, rows: readonly Row[]): Scored[] {
  const watch = new VersionWatch(baseline);
  return rows.map((row) => ({
    deviations: watch.deviations(watch.scores(row)),
    label: classOf(row.logits),
  }));
}

const pick = <T>(items: readonly T[], random: Seeded): T =>
  items[Math.floor(random.uniform() * items.length)] as T;

/** Alarms of a watch that is restarted after each, over clean requests drawn with repetition. */
export function falseAlarms(baseline: Baseline, clean: readonly Scored[], requests: number, random: Seeded) {
  const watch = new VersionWatch(baseline);
  const alarms: string[] = [];
  for (let i = 0; i < requests; i++) {
    const { deviations, label } = pick(clean, random);
    const { verdict, why } = watch.follow(deviations, label);
    if (verdict === 'normal') continue;
    alarms.push(why);
    watch.restart();
  }
  return { alarms: alarms.length, whys: [...new Set(alarms)], per100k: (alarms.length / requests) * 1e5 };
}

/** Mean requests from a shift of the chosen score to the alarm, after 100 clean requests. */
export function meanDelay(
  baseline: Baseline,
  clean: readonly Scored[],
  shift: number,
  rounds: number,
  random: Seeded,
): number {
  const chosen = baseline.streams.findIndex(({ name }) => name === baseline.chosen);
  let total = 0;
  for (let round = 0; round < rounds; round++) {
    const watch = new VersionWatch(baseline);
    const next = (by: number) => {
      const { deviations, label } = pick(clean, random);
      return watch.follow(
        by === 0 ? deviations : deviations.with(chosen, (deviations[chosen] ?? 0) - by),
        label,
      ).verdict;
    };
    for (let i = 0; i < 100; i++) next(0);
    let delay = 1;
    while (next(shift) === 'normal' && delay < 5_000) delay++;
    total += delay;
  }
  return total / rounds;
}

export const SOURCES = ['input', 'output', 'intermediate'] as const satisfies readonly StreamSource[];

/**
 * Requests until a watch of one source alone raises its alarm, median of `rounds`; Infinity where fewer than half do within `most`. The
 * mix of classes belongs to the output.
 */
export function delayBySource(
  baseline: Baseline,
  attack: readonly Scored[],
  rounds: number,
  most: number,
  random: Seeded,
) {
  const even = Array<number>(baseline.classShares.length).fill(1 / baseline.classShares.length);
  return Object.fromEntries(
    SOURCES.map((source) => {
      const kept = baseline.streams.flatMap((stream, i) => (stream.source === source ? [i] : []));
      const streams = kept.map((i) => baseline.streams[i] as Baseline['streams'][number]);
      const chosen = streams.some(({ name }) => name === baseline.chosen)
        ? baseline.chosen
        : (streams[0]?.name ?? '');
      const own = { ...baseline, streams, chosen, ...(source === 'output' ? {} : { classShares: even }) };
      const delays = Array.from({ length: rounds }, () => {
        const watch = new VersionWatch(own);
        for (let i = 1; i <= most; i++) {
          const { deviations, label } = pick(attack, random);
          const turn = source === 'output' ? label : i % even.length;
          if (
            watch.follow(
              Float64Array.from(kept, (k) => deviations[k] ?? Number.NaN),
              turn,
            ).verdict !== 'normal'
          )
            return i;
        }
        return Infinity;
      });
      return [source, delays.sort((a, b) => a - b)[rounds >> 1] ?? Infinity];
    }),
  ) as Record<StreamSource, number>;
}
