// One decision of a release: an event taken or refused, and with it the next record, whose plan and journal entry are one write.
// Pure; whoever has the newest record may ask.
import { failure } from '../../../contracts/errors.js';
import type {
  Judged,
  ReleaseCourse,
  ReleaseEvent,
  ReleasePlan,
  ReleaseRecord,
  ReleaseSnapshot,
  ReleaseSpec,
} from '../../../contracts/release.js';
import { NOTHING_BEFORE, sealed } from './chain.js';
import { deadlineMs } from './deadline.js';
import { moved, START } from './machine.js';
import { planArms, shadowOf } from './plan.js';

export interface Decided {
  readonly event: ReleaseEvent;
  readonly by: string;
  readonly why: string;
  /** Counts, thresholds and verdict, where the event is one. */
  readonly judged?: Judged;
}

export interface Now {
  readonly atMs: number;
  /** Leadership that decides; that of the record for orders, which any registry takes. */
  readonly epoch: number;
  readonly code: string;
}

export interface Opening {
  readonly id: string;
  readonly model: string;
  readonly spec: ReleaseSpec;
  readonly course: ReleaseCourse;
  readonly by: string;
}

/** A release begins with its first entry: applied, and loading. */
export function opened({ id, model, spec, course, by }: Opening, now: Now): ReleaseRecord {
  const event = { type: 'APPLY' } as const;
  const snapshot = moved(course, START, event);
  if (!snapshot) throw failure('INTERNAL', 'A release that cannot begin.');
  const plan = planOf(course, snapshot, { revision: 1, epoch: now.epoch }, course.initial);
  const at = new Date(now.atMs).toISOString();
  const last = sealed({
    release: id,
    seq: 1,
    at,
    by,
    why: spec.reason || 'applied',
    event,
    from: 'draft',
    to: snapshot.value,
    step: 0,
    plan,
    opened: { spec, course },
    code: now.code,
    previous: NOTHING_BEFORE,
  });
  return {
    id,
    endpoint: spec.endpoint,
    model,
    spec,
    course,
    state: snapshot.value,
    step: 0,
    snapshot,
    plan,
    enteredAt: at,
    ...deadline(spec, course, snapshot, now.atMs),
    createdAt: at,
    owner: spec.owner,
    last,
  };
}

/** Throws BAD_REQUEST when the state does not take the event. */
export function advance(record: ReleaseRecord, decided: Decided, now: Now): ReleaseRecord {
  const { course, snapshot: from } = record;
  const snapshot = moved(course, from, decided.event);
  if (!snapshot) throw refused(record, decided.event);
  const plan = planOf(
    course,
    snapshot,
    { revision: record.plan.revision + 1, epoch: now.epoch },
    record.plan.arms,
  );
  const at = new Date(now.atMs).toISOString();
  const last = sealed({
    release: record.id,
    seq: record.last.seq + 1,
    at,
    by: decided.by,
    why: decided.why,
    event: decided.event,
    from: from.value,
    to: snapshot.value,
    step: snapshot.context.step,
    plan,
    ...(decided.judged && { judged: decided.judged }),
    code: now.code,
    previous: record.last.hash,
  });
  const looked = decided.event.type === 'LOOKED';
  const memory = decided.judged?.verdict.memory ?? record.memory;
  const { deadlineAt, ...rest } = record;
  const time = looked
    ? { enteredAt: record.enteredAt, ...(deadlineAt !== undefined && { deadlineAt }) }
    : { enteredAt: at, ...deadline(record.spec, course, snapshot, now.atMs) };
  const begins = rest.startedAt === undefined && (snapshot.value === 'step' || snapshot.value === 'shadow');
  return {
    ...rest,
    state: snapshot.value,
    step: snapshot.context.step,
    snapshot,
    plan,
    ...time,
    ...(begins && { startedAt: at }),
    ...(memory && { memory }),
    last,
  };
}

export function planOf(
  course: ReleaseCourse,
  snapshot: ReleaseSnapshot,
  { revision, epoch }: Pick<ReleasePlan, 'revision' | 'epoch'>,
  before: ReleasePlan['arms'],
): ReleasePlan {
  const shadow = shadowOf(course, snapshot);
  return { revision, epoch, arms: planArms(course, snapshot, before), ...(shadow && { shadow }) };
}

function deadline(
  spec: ReleaseSpec,
  course: ReleaseCourse,
  snapshot: ReleaseSnapshot,
  atMs: number,
): { deadlineAt?: string } {
  const ms = deadlineMs(spec, course, snapshot);
  return ms === undefined ? {} : { deadlineAt: new Date(atMs + ms).toISOString() };
}

const ORDERS: Partial<Record<ReleaseEvent['type'], string>> = {
  PAUSE: 'paused',
  RESUME: 'resumed',
  PROMOTE: 'promoted',
  ABORT: 'aborted',
};

function refused({ id, state, course, snapshot }: ReleaseRecord, event: ReleaseEvent) {
  const done = ORDERS[event.type];
  if (done === undefined)
    return failure('CONFLICT', `The release ${id} is ${state} by now and does not take ${event.type}.`, {
      id,
      state,
    });
  const inStep = state === 'step' || (state === 'paused' && snapshot.context.pausedIn === 'step');
  const hint =
    event.type === 'PROMOTE' && course.strategy === 'ab' && inStep
      ? `: name the arm that won, one of ${course.promoted.map(({ arm }) => arm).join(', ')}`
      : '';
  return failure('BAD_REQUEST', `The release ${id} is in the state ${state} and cannot be ${done}${hint}.`, {
    id,
    state,
  });
}
