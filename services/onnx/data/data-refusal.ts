// How the data part says no: one coded failure that names the file and, where there is one, the row or item. Every reader of
// data and the preparation of examples use it.
import { failure, type Failure } from '../../../contracts/errors.js';

/** `at` is what a person looks up: `iris.csv row 7`, `cats/3.png`, `column "age"`. */
export function dataRefusal(at: string, what: string, cause?: unknown): Failure {
  return failure('DATA_REFUSED', `${at}: ${what}`, { at }, cause);
}

export const rowOf = (file: string, row: number): string => `${file} row ${row}`;
