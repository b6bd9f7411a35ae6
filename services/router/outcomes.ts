// Reads what an engine says of a batch. By hand, not with the schema: this runs once a batch on the hot path, and what it
// yields is only ever looked up in the router's own tables. A test holds it to the schema.
import type { Outcomes } from '../../contracts/outcome.js';

const DONE_MAX = 4_096;

/** Undefined for anything that is not what contracts/outcome.ts says. */
export function readOutcomes(data: Uint8Array): Outcomes | undefined {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { replica, inFlight, limit, done } = read as Partial<Outcomes>;
  if (typeof replica !== 'string' || !Number.isInteger(inFlight) || !Array.isArray(done)) return undefined;
  if (done.length > DONE_MAX || !done.every(isOutcome)) return undefined;
  const told = Number.isInteger(limit) && (limit as number) >= 1 ? { limit: limit as number } : {};
  return { replica, inFlight: inFlight as number, ...told, done };
}

const isOutcome = (entry: unknown): boolean =>
  Array.isArray(entry) &&
  entry.length === 3 &&
  typeof entry[0] === 'string' &&
  Number.isInteger(entry[1]) &&
  typeof entry[2] === 'number';
