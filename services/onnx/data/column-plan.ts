// Decides what each column of a table is good for: a number, a category, text, or nothing, and says why. Pure; preparation asks
// once, and what it answers is part of the report.
import { failure } from '../../../contracts/errors.js';
import type { ColumnProfile } from './column-profile.js';
import { dataRefusal, rowOf } from './data-refusal.js';

export type ColumnKind = 'number' | 'category' | 'text' | 'ignored';

export interface ColumnUse {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Of a category: code is the position; what is not among them has a code of its own, one beyond the last. */
  readonly values?: readonly string[];
  readonly why?: string;
}

export interface ColumnPlan {
  readonly columns: readonly ColumnUse[];
  readonly classes: readonly string[];
  readonly notes: readonly string[];
}

export interface PlanRequest {
  readonly file: string;
  readonly target: string;
  readonly task: 'classification' | 'regression';
  /** The people's own word on columns. */
  readonly kinds?: Readonly<Record<string, ColumnKind>>;
  /** The column that groups rows is no feature. */
  readonly group?: string;
}

/** Numbers with slips of the pen: a column of which this share reads as numbers is one, the rest counts as missing. */
const NUMBER_SHARE = 0.95;
const CATEGORY_VALUES_MAX = 100;
const CLASSES_MAX = 1_000;
/** Below this many rows a perfect one-to-one column may be luck. */
const LEAK_ROWS = 20;

export function planColumns(profiles: readonly ColumnProfile[], request: PlanRequest): ColumnPlan {
  const { file, target, kinds = {}, group } = request;
  const names = profiles.map(({ name }) => name);
  for (const name of [target, ...Object.keys(kinds), ...(group === undefined ? [] : [group])])
    if (!names.includes(name))
      throw failure('BAD_REQUEST', `${file} has no column "${name}"; it has ${names.join(', ')}.`);
  const targeted = profiles.find(({ name }) => name === target);
  const classes = request.task === 'regression' ? refuseNoNumbers(file, targeted) : classesOf(file, targeted);
  const notes: string[] = [];
  const columns = profiles.map((profile): ColumnUse => {
    const { name } = profile;
    if (name === target) return { name, kind: 'ignored', why: 'it is the target' };
    if (name === group) return { name, kind: 'ignored', why: 'it groups the rows' };
    const use = useOf(file, profile, kinds[name]);
    if (use.kind === 'ignored') notes.push(`column "${name}" is left out: ${use.why}.`);
    if (use.kind === 'number' && profile.missing + profile.numbers < profile.cells)
      notes.push(
        `column "${name}": ${profile.cells - profile.missing - profile.numbers} cells are no numbers and count as missing, the first in row ${profile.firstText?.row}.`,
      );
    if (use.kind !== 'ignored' && profile.missing > 0)
      notes.push(`column "${name}": ${profile.missing} of ${profile.cells} cells are missing.`);
    return use;
  });
  if (columns.every(({ kind }) => kind === 'ignored'))
    throw dataRefusal(file, 'no column is left that could be learned from.');
  return { columns, classes, notes };
}

function classesOf(file: string, target: ColumnProfile | undefined): readonly string[] {
  if (target === undefined || target.cells === 0) throw dataRefusal(file, 'there is no row of data.');
  const at = `${file} column "${target.name}"`;
  if (target.distinctMany || target.distinct.size > CLASSES_MAX)
    throw dataRefusal(
      at,
      `the target has more than ${CLASSES_MAX} classes; a number is learned with task: regression.`,
    );
  if (target.distinct.size < 2)
    throw dataRefusal(at, `the target has one class only ("${[...target.distinct.keys()][0] ?? ''}").`);
  const few = [...target.distinct].find(([, count]) => count < 2);
  if (few !== undefined) throw dataRefusal(at, `the class "${few[0]}" has one row only; two are the least.`);
  return [...target.distinct.keys()].toSorted(byNumberThenText);
}

/** Every target has to be a number, and not always the same. */
function refuseNoNumbers(file: string, target: ColumnProfile | undefined): readonly string[] {
  if (target === undefined || target.cells === 0) throw dataRefusal(file, 'there is no row of data.');
  const { name, firstText, infiniteAt, distinct } = target;
  if (firstText !== undefined)
    throw dataRefusal(
      `${rowOf(file, firstText.row)}, column "${name}"`,
      `a number is learned, and "${firstText.text.slice(0, 40)}" is none.`,
    );
  if (infiniteAt !== undefined)
    throw dataRefusal(`${rowOf(file, infiniteAt)}, column "${name}"`, 'the number is not finite.');
  if (distinct.size < 2)
    throw dataRefusal(`${file} column "${name}"`, 'the target has the same value in every row.');
  return [];
}

function useOf(file: string, profile: ColumnProfile, wanted: ColumnKind | undefined): ColumnUse {
  const { name, cells, missing, numbers, distinct, distinctMany } = profile;
  const at = `${file} column "${name}"`;
  const filled = cells - missing;
  if (wanted === 'ignored') return { name, kind: 'ignored', why: 'as asked' };
  if (filled === 0) throw dataRefusal(at, 'every cell is missing; leave the column out.');
  if (wanted === 'number' || (wanted === undefined && numbers >= filled * NUMBER_SHARE)) {
    if (numbers === 0)
      throw dataRefusal(
        at,
        `it holds no numbers, the first cell is "${profile.firstText?.text.slice(0, 40)}".`,
      );
    if (profile.infiniteAt !== undefined)
      throw dataRefusal(`${rowOf(file, profile.infiniteAt)}, column "${name}"`, 'the number is not finite.');
    if (distinct.size === 1) return { name, kind: 'ignored', why: 'it always has the same value' };
    return { name, kind: 'number' };
  }
  if (wanted === 'text' || (wanted === undefined && profile.spaces > 2 * filled))
    return { name, kind: 'text' };
  if (
    wanted === undefined &&
    (distinctMany || (distinct.size > CATEGORY_VALUES_MAX && distinct.size > filled / 2))
  )
    return { name, kind: 'ignored', why: 'nearly every row has a value of its own' };
  if (distinct.size === 1) return { name, kind: 'ignored', why: 'it always has the same value' };
  const values = [...distinct]
    .toSorted((a, b) => b[1] - a[1] || byNumberThenText(a[0], b[0]))
    .map(([value]) => value);
  return { name, kind: 'category', values: values.slice(0, CATEGORY_VALUES_MAX) };
}

/** '10' after '9', texts by code points, whatever the machine's language. */
export function byNumberThenText(a: string, b: string): number {
  const difference = Number(a) - Number(b);
  return Number.isNaN(difference) || difference === 0 ? (a < b ? -1 : a > b ? 1 : 0) : difference;
}

/**
 * A column that names the class under another name: as many values as classes, each always with the same one. `pairs` counts,
 * for a column, how many different (value, class) pairs there are.
 */
export function refuseTargetAmongFeatures(
  file: string,
  rows: number,
  classCount: number,
  columns: readonly { readonly name: string; readonly values: number; readonly pairs: number }[],
): void {
  const leak = columns.find(({ values, pairs }) => values === classCount && pairs === classCount);
  if (leak !== undefined && rows >= LEAK_ROWS)
    throw failure(
      'DATA_REFUSED',
      `${file}: the column "${leak.name}" is the target under another name, one value for each class; leave it out.`,
      { column: leak.name },
    );
}

/** Above this two columns differ by what their digits were rounded to. */
const SAME_CORRELATION = 1 - 1e-9;

/** A column that is the number to be learned, in this or another unit. */
export function refuseCopiesOfTarget(
  file: string,
  rows: number,
  columns: readonly { readonly name: string; readonly correlation: number }[],
): void {
  const copy = columns.find(({ correlation }) => Math.abs(correlation) > SAME_CORRELATION);
  if (copy !== undefined && rows >= LEAK_ROWS)
    throw failure(
      'DATA_REFUSED',
      `${file}: the column "${copy.name}" is the target in another unit, correlated with it to the last digit; leave it out.`,
      { column: copy.name },
    );
}
