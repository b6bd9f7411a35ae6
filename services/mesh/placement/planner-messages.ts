// What the planner and its thread say to each other. Failures travel as their parts: a thread keeps no classes.
import { type ErrorCode, Failure, type FailureFields } from '../../../contracts/errors.js';
import type { PlacementPlan, PlacementPolicy, PlacementProblem } from '../../../contracts/placement.js';

/** A policy at once; the intelligent one solved; all four. */
export type Planned = PlacementPolicy | 'solved' | 'all';

export interface PlannerQuestion {
  readonly id: number;
  readonly problem: PlacementProblem;
  readonly what: Planned;
}

export interface PlainFailure {
  /** Undefined: we were wrong. */
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly fields: FailureFields;
}

export interface PlannerAnswer {
  readonly id: number;
  readonly plans?: readonly PlacementPlan[];
  readonly failure?: PlainFailure;
}

export function failureFrom(error: unknown): PlainFailure {
  if (error instanceof Failure) return { code: error.code, message: error.message, fields: error.fields };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: undefined, message, fields: {} };
}
