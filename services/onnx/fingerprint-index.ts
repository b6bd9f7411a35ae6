// Finds, among the fingerprints of thousands of models, those that a new one may be like, without a look at all of them: a grid over a few shares
// of each row. Who asks compares what is found with `likeness`; nobody that would be found there is missing here.
import type { Fingerprint } from './fingerprint.js';

/**
 * Shares of a row that the grid goes by, beside the last; the first is always 1. Of the largest of many numbers the first few lie furthest apart. One
 * more would make the cells emptier and double those that are looked into.
 */
const AXES = [1, 2, 3, 5];
/** Over twice the tolerance, so that rows that are close lie in one of two cells of an axis, whatever rounding does. */
const CELL_OF_TOLERANCE = 2.001;
const ROUNDING = 1e-6;

export class FingerprintIndex<T> {
  private readonly owners: { readonly what: T; readonly rows: number }[] = [];
  /** By width of the rows, by cell, the owner of each row in it: only rows of one width are close. */
  private readonly grids = new Map<number, Map<number, number[]>>();
  private readonly cellSize: number;
  private readonly cells: number;

  /** `tolerance`: that of the comparison. */
  constructor(private readonly tolerance: number) {
    this.cellSize = tolerance * CELL_OF_TOLERANCE;
    this.cells = Math.ceil((1 + tolerance) / this.cellSize) + 1;
  }

  add(what: T, { rows }: Fingerprint): void {
    const owner = this.owners.push({ what, rows: rows.length }) - 1;
    for (const row of rows) {
      const grid = this.grids.get(row.length) ?? new Map<number, number[]>();
      this.grids.set(row.length, grid);
      const cell = axesOf(row).reduce((sum, share) => sum * this.cells + this.cellOf(share), 0);
      const owners = grid.get(cell);
      if (owners) owners.push(owner);
      else grid.set(cell, [owner]);
    }
  }

  /** All that reach a likeness of `least`, and some that do not: each row of the smaller one has a close one in the larger, so that pairs are as many at least. */
  like({ rows }: Fingerprint, least: number): T[] {
    const pairs = new Uint32Array(this.owners.length);
    for (const row of rows) {
      const grid = this.grids.get(row.length);
      for (const cell of grid ? this.cellsAround(row) : [])
        for (const owner of grid?.get(cell) ?? []) pairs[owner] = (pairs[owner] ?? 0) + 1;
    }
    return this.owners.flatMap(({ what, rows: count }, owner) =>
      (pairs[owner] ?? 0) >= least * Math.min(count, rows.length) ? [what] : [],
    );
  }

  private cellsAround(row: Float32Array): number[] {
    let cells = [0];
    for (const share of axesOf(row)) {
      const low = this.cellOf(share - this.tolerance - ROUNDING);
      const high = this.cellOf(share + this.tolerance + ROUNDING);
      cells = cells.flatMap((sum) =>
        low === high ? [sum * this.cells + low] : [sum * this.cells + low, sum * this.cells + high],
      );
    }
    return cells;
  }

  private cellOf(share: number): number {
    return Math.max(0, Math.floor(share / this.cellSize));
  }
}

const axesOf = (row: Float32Array): number[] => [...AXES, row.length - 1].map((axis) => row[axis] as number);
