// What the courses of all strategies are made of: names of arms, versions that may come, weights that add up. Pure.
import { failure } from '../../../contracts/errors.js';
import type { EndpointRecord, VersionRecord } from '../../../contracts/registry.js';
import type { PlanArm, ReleaseCourse, Strategy } from '../../../contracts/release.js';
import { WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import { checkSignature } from './signature.js';

export interface CourseInputs {
  readonly endpoint: EndpointRecord;
  /** Throws VERSION_UNKNOWN. */
  readonly resolve: (word: string) => VersionRecord;
  /** Versions of the model that may be served, newest first. */
  readonly newest: readonly VersionRecord[];
  readonly regions: readonly string[];
}

export type Of<T extends Strategy['type']> = Extract<Strategy, { type: T }>;

/** Of a strategy, before what holds for all is added. */
export type Course = Omit<ReleaseCourse, 'epochBefore'>;

/** The arms of a plan with the new version under a name, given the old one's share and its own. */
export type Arms = (name: string, stableWeight: number, weight: number) => PlanArm[];

/** The arm that serves before a release, where nobody gave it a name. */
export const STABLE = 'stable';
export const NEXT = 'next';
export const CANARY = 'canary';
export const BASELINE = 'baseline';
export const SHADOW = 'shadow';

export function incoming(record: VersionRecord, stable: PlanArm, inputs: CourseInputs): VersionRecord {
  usable(record, inputs.endpoint);
  if (record.digest === stable.version)
    throw failure('BAD_REQUEST', `The endpoint "${inputs.endpoint.name}" serves "${record.label}" already.`);
  checkSignature(inputs.resolve(stable.version), record);
  return record;
}

export function usable(record: VersionRecord, { model }: EndpointRecord): VersionRecord {
  if (record.state === 'archived')
    throw failure('BAD_REQUEST', `The version "${record.label}" of "${model}" is archived: release another.`);
  return record;
}

export const armFor = ({ digest, label }: VersionRecord, arm: string, weight: number): PlanArm => ({
  arm,
  version: digest,
  label,
  weight,
  replicas: {},
});

export function checkSum(arms: readonly { readonly weight: number }[]): void {
  const total = arms.reduce((sum, { weight }) => sum + weight, 0);
  if (total !== WEIGHT_TOTAL)
    throw failure('BAD_REQUEST', `The weights add up to ${total}; they must add up to ${WEIGHT_TOTAL}.`, {
      total,
    });
}
