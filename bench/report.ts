// What every benchmark ends with: a table for people and, with --json, one line for machines. Every file of bench/ uses it.
import { cpus } from 'node:os';

export interface Aim {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly aim: number;
  readonly op: '<=' | '>=';
}

export interface BenchOptions {
  /** `ci` proves that it runs (< 8 s), `quick` stays under a minute, `full` is what the figures in the docs come from. */
  readonly form: 'ci' | 'quick' | 'full';
  readonly seed: number;
  /** The part of it whose name begins so; all where absent. Benchmarks that take long have parts. */
  readonly only?: string;
  /** How far it is, for who waits. */
  readonly log: (line: string) => void;
}

export interface BenchResult {
  readonly results: Record<string, unknown>;
  readonly aims: readonly Aim[];
}

export type Benchmark = (options: BenchOptions) => Promise<BenchResult>;

export const holds = (aim: Aim): boolean => (aim.op === '<=' ? aim.value <= aim.aim : aim.value >= aim.aim);

export function printAims(aims: readonly Aim[]): void {
  if (aims.length === 0) return;
  console.table(
    aims.map((aim) => ({
      aim: aim.name,
      reached: `${round(aim.value)} ${aim.unit}`,
      wanted: `${aim.op} ${aim.aim} ${aim.unit}`,
      holds: holds(aim) ? 'yes' : 'NO',
    })),
  );
}

export function jsonLine(bench: string, seconds: number, { results, aims }: BenchResult): string {
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
  return JSON.stringify({
    bench,
    machine,
    seconds: round(seconds),
    results,
    aims: aims.map((a) => ({ ...a, holds: holds(a) })),
  });
}

export const round = (value: number): number => Number(value.toPrecision(4));

/** The p-th percentile (0..1) of unsorted samples, nearest rank. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN;
}
