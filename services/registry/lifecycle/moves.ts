// One move of a version, written into its record. Pure.
import assert from 'node:assert';
import { MOVES_MAX, type SubmissionRecord, type VersionMove } from '../../../contracts/lifecycle.js';
import { type VersionEvent, movedVersion } from './machine.js';
import type { VersionRecord } from '../../../contracts/registry.js';

export interface Cause {
  readonly by: string;
  readonly why: string;
  readonly atMs: number;
}

type Living = Pick<VersionRecord, 'state' | 'moves' | 'label'>;

/** The caller knows that the state takes the event. */
export function recorded<T extends Living>(record: T, type: VersionEvent['type'], cause: Cause): T {
  const to = movedVersion(record.state, type);
  assert(to !== undefined, `a version that is ${record.state} does not take ${type}`);
  return { ...record, state: to, moves: kept([...record.moves, moveTo(to, cause)]) };
}

/** What a version begins with, or begins anew with after it was archived. */
export function admitted(
  submission: SubmissionRecord,
  before: VersionRecord | undefined,
  { by, why, atMs }: Cause,
): Pick<VersionRecord, 'state' | 'moves'> {
  return {
    state: 'verified',
    moves: kept([...(before?.moves ?? []), submittedMove(submission), moveTo('verified', { by, why, atMs })]),
  };
}

export const submittedMove = ({ by, at }: SubmissionRecord): VersionMove => ({
  to: 'submitted',
  by,
  at,
  why: 'pushed',
});

const moveTo = (to: VersionMove['to'], { by, why, atMs }: Cause): VersionMove => ({
  to,
  by,
  at: new Date(atMs).toISOString(),
  why,
});

/** A version that comes and goes for years keeps its first move and the newest. */
const kept = (moves: VersionMove[]): VersionMove[] =>
  moves.length <= MOVES_MAX ? moves : [...moves.slice(0, 1), ...moves.slice(1 - MOVES_MAX)];
