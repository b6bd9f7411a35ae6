// From a table to examples, in two passes with bounded memory: the first learns what the columns are, the second writes each row as
// numbers (a category as its code, a missing number as NaN) and learns what the graph will normalise with, on training rows alone.
import { addCell, isMissing, newProfile, numberIn, textIn } from './column-profile.js';
import {
  type ColumnKind,
  type ColumnPlan,
  type ColumnUse,
  planColumns,
  refuseCopiesOfTarget,
  refuseTargetAmongFeatures,
} from './column-plan.js';
import { Correlation } from './correlation.js';
import { RunningStatistics } from './column-statistics.js';
import { dataRefusal, rowOf } from './data-refusal.js';
import { fingerprint } from './fingerprints.js';
import { type Features, PartWriters, type Prepared } from './prepared.js';
import { Duplicates, PartChoice } from './row-parts.js';
import { type SplitRule } from './split.js';
import type { Cell, TableRow, TableSource } from './table-source.js';

export interface TableRequest {
  readonly target: string;
  readonly task: 'classification' | 'regression';
  readonly split: SplitRule;
  readonly group?: string;
  readonly kinds?: Readonly<Record<string, ColumnKind>>;
  readonly duplicates: 'drop' | 'keep';
  readonly outliers: 'clip' | 'keep';
  /** Categories keep the codes that they have there. */
  readonly like?: Features | undefined;
}

type TableColumn = Extract<Features, { kind: 'table' }>['columns'][number];

export async function prepareTable(
  source: TableSource,
  request: TableRequest,
  folder: string,
): Promise<Prepared> {
  const survey = await surveyTable(source, request);
  const { plan } = survey;
  const used = plan.columns.flatMap((use, at) =>
    use.kind === 'ignored' ? [] : [{ ...likeBefore(use, request.like), at }],
  );
  const text = used.find(({ kind }) => kind === 'text');
  if (text !== undefined)
    throw dataRefusal(
      `${source.name} column "${text.name}"`,
      'a text among other columns is not learned from; leave it out, or train on it alone (kind text).',
    );
  const codes = used.map(({ values = [] }) => new Map(values.map((value, code) => [value, code])));
  const statistics = used.map((_, i) => new RunningStatistics(request.split.seed + i));
  const isNumber = request.task === 'regression';
  const learned = new RunningStatistics(request.split.seed);
  const writers = new PartWriters(folder, {
    element: 'float32',
    shape: [used.length],
    targetSize: 1,
    targetElement: isNumber ? 'float32' : 'int32',
  });
  const rows = new KeptRows(request, survey);
  for await (const batch of source.read()) {
    for (const row of batch) {
      const kept = rows.place(row);
      if (kept === undefined) continue;
      const values = Float32Array.from(used, ({ kind, at }, i) =>
        valueOf(kind, row.cells[at] ?? null, codes[i]),
      );
      if (kept.part === 'train') {
        if (isNumber) learned.add(kept.number);
        values.forEach((value, i) => Number.isNaN(value) || statistics[i]?.add(value));
      }
      writers.add(kept.part, values, isNumber ? Float32Array.of(kept.number) : Int32Array.of(kept.label));
    }
  }
  const columns = used.map((use, i) => describe(use, statistics[i], request.outliers));
  const outliers = used.flatMap(({ name, kind }, i) => {
    const { outliers: count = 0, low = 0, high = 0 } = statistics[i]?.summary() ?? {};
    return kind === 'number' && count > 0 && request.outliers === 'clip'
      ? [
          `column "${name}": about ${count} training values lie beyond ${low.toPrecision(4)} .. ${high.toPrecision(4)} and are drawn in.`,
        ]
      : [];
  });
  const { mean, deviation } = learned.summary();
  return writers.finish({
    classes: [...plan.classes],
    ...(isNumber ? { target: { name: request.target, mean, deviation } } : {}),
    features: { kind: 'table', columns },
    cleaning: rows.cleaning(),
    notes: [...plan.notes, ...outliers],
  });
}

function likeBefore(use: ColumnUse, like: Features | undefined): ColumnUse {
  const before = like?.kind === 'table' ? like.columns.find(({ name }) => name === use.name) : undefined;
  return before?.kind === 'category' && use.kind === 'category' ? { ...use, values: before.values } : use;
}

function valueOf(kind: ColumnKind, cell: Cell, codes: ReadonlyMap<string, number> | undefined): number {
  if (kind === 'number') return isMissing(cell) ? Number.NaN : numberIn(cell);
  return codes?.get(textIn(cell)) ?? codes?.size ?? 0;
}

function describe(
  { name, kind, values }: ColumnUse,
  statistics: RunningStatistics | undefined,
  outliers: 'clip' | 'keep',
): TableColumn {
  if (kind === 'category') return { name, kind, values: [...(values ?? [])] };
  const { mean = 0, deviation = 1, low = -Infinity, high = Infinity } = statistics?.summary() ?? {};
  const fenced = outliers === 'clip' && Number.isFinite(low) && Number.isFinite(high);
  return { name, kind: 'number', mean, deviation, ...(fenced ? { fences: { low, high } } : {}) };
}

export interface Survey {
  readonly plan: ColumnPlan;
  readonly targetAt: number;
  readonly groupAt: number | undefined;
  readonly featuresAt: readonly number[];
  /** Without duplicates; where a number is learned all rows are of one class, so to say. */
  readonly classCounts: readonly number[];
  readonly isNumber: boolean;
}

/** The first pass. */
export async function surveyTable(
  source: TableSource,
  request: Pick<TableRequest, 'target' | 'task' | 'group' | 'kinds' | 'duplicates'>,
): Promise<Survey> {
  const names = await source.columns();
  const [targetAt, groupAt] = [names.indexOf(request.target), names.indexOf(request.group ?? '')];
  const featuresAt = names.map((_, i) => i).filter((i) => i !== targetAt && i !== groupAt);
  const profiles = names.map(newProfile);
  const pairs = names.map(() => new Set<string>());
  const isNumber = request.task === 'regression';
  const likeness = names.map(() => new Correlation());
  const counts = new Map<string, number>();
  const duplicates = new Duplicates(request.duplicates);
  for await (const batch of source.read()) {
    for (const { row, cells } of batch) {
      const label = textIn(cells[targetAt] ?? null);
      cells.forEach((cell, i) => {
        const profile = profiles[i];
        if (profile === undefined) return;
        addCell(profile, row, cell);
        if (isNumber && i !== targetAt) likeness[i]?.add(numberIn(cell), numberIn(cells[targetAt] ?? null));
        if (!profile.distinctMany && profile.distinct.size <= PAIRS_MAX)
          pairs[i]?.add(`${textIn(cell)}\t${label}`);
      });
      if (targetAt >= 0 && isMissing(cells[targetAt] ?? null))
        throw dataRefusal(rowOf(source.name, row), `the target "${request.target}" is missing.`);
      if (!duplicates.isOne(keyOf(cells, featuresAt, label))) {
        const name = isNumber ? '' : label;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
  }
  const plan = planColumns(profiles, { ...request, file: source.name });
  if (isNumber)
    refuseCopiesOfTarget(
      source.name,
      profiles[0]?.cells ?? 0,
      featuresAt
        .filter((i) => plan.columns[i]?.kind === 'number')
        .map((i) => ({ name: names[i] ?? '', correlation: likeness[i]?.value ?? 0 })),
    );
  else
    refuseTargetAmongFeatures(
      source.name,
      profiles[0]?.cells ?? 0,
      plan.classes.length,
      featuresAt
        .filter((i) => plan.columns[i]?.kind !== 'ignored')
        .map((i) => ({
          name: names[i] ?? '',
          values: profiles[i]?.distinct.size ?? 0,
          pairs: profiles[i]?.distinctMany === true ? Infinity : (pairs[i]?.size ?? 0),
        })),
    );
  const classCounts = (isNumber ? [''] : plan.classes).map((name) => counts.get(name) ?? 0);
  return { plan, targetAt, groupAt: groupAt < 0 ? undefined : groupAt, featuresAt, classCounts, isNumber };
}

/** Columns of more values than this name no class; their pairs are not counted. */
const PAIRS_MAX = 200;

const keyOf = (cells: readonly Cell[], at: readonly number[], label: string): number =>
  fingerprint(`${at.map((i) => cells[i] ?? '').join('\u001f')}\u001e${label}`);

/** The same decisions in the second pass as in the first, and the part of each row. */
export class KeptRows {
  private readonly duplicates: Duplicates;
  private readonly choice: PartChoice;
  private readonly labels: ReadonlyMap<string, number>;
  private rows = 0;

  constructor(
    request: Pick<TableRequest, 'duplicates' | 'split'>,
    private readonly survey: Survey,
  ) {
    this.duplicates = new Duplicates(request.duplicates);
    this.choice = new PartChoice(request.split, survey.classCounts);
    this.labels = new Map(survey.plan.classes.map((name, label) => [name, label]));
  }

  /** Undefined for one that is dropped. */
  place({ cells }: TableRow) {
    const { targetAt, groupAt, featuresAt, isNumber } = this.survey;
    this.rows++;
    const name = textIn(cells[targetAt] ?? null);
    if (this.duplicates.isOne(keyOf(cells, featuresAt, name))) return undefined;
    const label = this.labels.get(name) ?? 0;
    const number = isNumber ? numberIn(cells[targetAt] ?? null) : label;
    const group = groupAt === undefined ? undefined : textIn(cells[groupAt] ?? null);
    return { label, number, part: this.choice.partOf(label, keyOf(cells, featuresAt, ''), group) };
  }

  cleaning(): Prepared['cleaning'] {
    const { dropped, unchecked } = this.duplicates;
    return {
      rows: this.rows,
      duplicatesDropped: dropped,
      contradictions: this.choice.contradictions,
      unchecked,
    };
  }
}
