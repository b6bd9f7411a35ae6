// What a drill promises and what came of it: the shape of every drill's report.
export interface Promised {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly aim: number;
  readonly op: '<=' | '>=' | '==';
  readonly holds: boolean;
}

export interface DrillReport {
  readonly requests: number;
  readonly failed: number;
  readonly attempts: number;
  readonly promises: readonly Promised[];
  /** Figures that are told and not promised. */
  readonly results: Record<string, unknown>;
}

export interface DrillOptions {
  readonly form: 'ci' | 'quick' | 'full';
  readonly seed: number;
  readonly log: (line: string) => void;
}

export type Drill = (options: DrillOptions) => Promise<DrillReport>;

export function promise(
  name: string,
  value: number,
  op: Promised['op'],
  aim: number,
  unit: string,
): Promised {
  const holds = op === '<=' ? value <= aim : op === '>=' ? value >= aim : value === aim;
  return { name, value, unit, aim, op, holds };
}

export function printReport(report: DrillReport): void {
  console.log(JSON.stringify(report.results, undefined, 2));
  console.table(
    report.promises.map((p) => ({
      promise: p.name,
      came: `${p.value} ${p.unit}`,
      wanted: `${p.op} ${p.aim} ${p.unit}`,
      holds: p.holds ? 'yes' : 'NO',
    })),
  );
}

export function drillJson(drill: string, seconds: number, report: DrillReport): string {
  const { requests, failed, attempts, promises, results } = report;
  return JSON.stringify({
    drill,
    seconds: Math.round(seconds),
    requests,
    failed,
    attempts,
    promises,
    results,
  });
}
