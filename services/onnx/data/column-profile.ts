// What one column of a table holds, learned in one pass with bounded memory: how many cells are numbers, missing, or neither, and
// the first thousand distinct values. column-plan.ts decides from it what the column is good for.
import type { Cell } from './table-source.js';

/** How people write that there is nothing. */
const MISSING = new Set(['', '?', '-', 'na', 'n/a', 'nan', 'null', 'none', 'nil']);
export const DISTINCT_MAX = 1_000;

export interface ColumnProfile {
  readonly name: string;
  cells: number;
  missing: number;
  numbers: number;
  /** Numbers that are no use: infinite. With the row, since they are refused. */
  infiniteAt: number | undefined;
  /** The first cell that is no number. */
  firstText: { readonly row: number; readonly text: string } | undefined;
  chars: number;
  spaces: number;
  /** Texts as they are, numbers as they print; no more are added when there are a thousand. */
  readonly distinct: Map<string, number>;
  distinctMany: boolean;
}

export const newProfile = (name: string): ColumnProfile => ({
  name,
  cells: 0,
  missing: 0,
  numbers: 0,
  infiniteAt: undefined,
  firstText: undefined,
  chars: 0,
  spaces: 0,
  distinct: new Map(),
  distinctMany: false,
});

export const isMissing = (cell: Cell): boolean =>
  cell === null ||
  (typeof cell === 'string' && cell.length <= 5 && MISSING.has(cell.trim().toLowerCase())) ||
  (typeof cell === 'number' && Number.isNaN(cell));

/** NaN where the cell is no number or missing. */
export function numberIn(cell: Cell): number {
  if (typeof cell === 'number') return cell;
  if (cell === null || cell.trim() === '') return Number.NaN;
  const text = cell.trim();
  return /^[+-]?(inf|infinity)$/i.test(text) ? Infinity : Number(text);
}

export const textIn = (cell: Cell): string => (cell === null ? '' : String(cell).trim());

export function addCell(profile: ColumnProfile, row: number, cell: Cell): void {
  profile.cells++;
  if (isMissing(cell)) {
    profile.missing++;
    return;
  }
  const number = numberIn(cell);
  const text = textIn(cell);
  if (Number.isNaN(number)) {
    profile.firstText ??= { row, text };
    profile.chars += text.length;
    profile.spaces += text.split(/\s+/, 64).length - 1;
  } else {
    profile.numbers++;
    if (!Number.isFinite(number)) profile.infiniteAt ??= row;
  }
  const known = profile.distinct.get(text);
  if (known !== undefined) profile.distinct.set(text, known + 1);
  else if (profile.distinct.size < DISTINCT_MAX) profile.distinct.set(text, 1);
  else profile.distinctMany = true;
}
