// The life of a job as a state machine: what may happen in which state, and what the record says afterwards. Pure: the record in KV is
// the snapshot, and a state that is not one of these is refused when it is read (contracts/job.ts). The store applies it, the actor and
// the runner say what happened.
import { assign, setup, transition } from 'xstate';
import { failure } from '../../../contracts/errors.js';
import type { AnyJob, JobState } from '../../../contracts/job.js';

export type JobEvent<R extends AnyJob = AnyJob> =
  | { readonly kind: 'begun'; readonly worker: string }
  | { readonly kind: 'working' }
  | { readonly kind: 'progress'; readonly progress: NonNullable<R['progress']> }
  | { readonly kind: 'checkpoint'; readonly step: number }
  | { readonly kind: 'publishing' }
  | { readonly kind: 'done'; readonly result: NonNullable<R['result']> }
  | { readonly kind: 'failed'; readonly error: NonNullable<AnyJob['error']> }
  | { readonly kind: 'cancel asked' }
  | { readonly kind: 'cancelled' }
  /** Its place was needed, or its time there was up: it goes on from its checkpoint elsewhere. */
  | { readonly kind: 'queued again' };

type Facts = Pick<
  AnyJob,
  'attempts' | 'worker' | 'cancelAsked' | 'progress' | 'checkpointStep' | 'preempted' | 'result' | 'error'
>;
type Told<E extends JobEvent = JobEvent> = E extends JobEvent ? E & { readonly type: E['kind'] } : never;

// Whoever had it was lost, whatever he was at.
const BEGUN = { target: 'preparing', actions: 'begin' } as const;
const ENDS = { failed: { target: 'failed', actions: 'fail' }, cancelled: 'cancelled' } as const;
const LEFT = { 'queued again': { target: 'queued', actions: 'leave' } } as const;
const ASKED = { 'cancel asked': { actions: 'ask' } } as const;
const AT_WORK = { progress: { actions: 'tell' }, checkpoint: { actions: 'save' } } as const;

const machine = setup({
  types: {} as { context: Facts; events: Told },
  actions: {
    begin: assign(({ context, event }) =>
      event.type === 'begun' ? { attempts: context.attempts + 1, worker: event.worker } : {},
    ),
    tell: assign(({ event }) => (event.type === 'progress' ? { progress: event.progress } : {})),
    save: assign(({ event }) => (event.type === 'checkpoint' ? { checkpointStep: event.step } : {})),
    finish: assign(({ event }) => (event.type === 'done' ? { result: event.result } : {})),
    fail: assign(({ event }) => (event.type === 'failed' ? { error: event.error } : {})),
    ask: assign({ cancelAsked: true }),
    leave: assign(({ context }) => ({ preempted: (context.preempted ?? 0) + 1 })),
  },
}).createMachine({
  id: 'job',
  context: { attempts: 0, cancelAsked: false },
  initial: 'queued',
  states: {
    // Nobody works on it yet, so nobody has to be asked.
    queued: { on: { begun: BEGUN, ...ENDS, 'cancel asked': { target: 'cancelled', actions: 'ask' } } },
    preparing: {
      on: {
        begun: BEGUN,
        ...ENDS,
        ...ASKED,
        ...LEFT,
        ...AT_WORK,
        working: 'working',
        publishing: 'publishing',
      },
    },
    working: {
      on: { begun: BEGUN, ...ENDS, ...ASKED, ...LEFT, ...AT_WORK, working: {}, publishing: 'publishing' },
    },
    publishing: {
      on: {
        begun: BEGUN,
        ...ENDS,
        ...ASKED,
        ...LEFT,
        publishing: {},
        done: { target: 'done', actions: 'finish' },
      },
    },
    done: { type: 'final' },
    failed: { type: 'final' },
    cancelled: { type: 'final' },
  },
});

export const isOver = ({ state }: Pick<AnyJob, 'state'>): boolean => machine.states[state]?.type === 'final';

/** Throws CONFLICT where the event cannot come in this state. */
export function advance<R extends AnyJob>(record: R, event: JobEvent<R>, nowMs: number): R {
  const told = { ...event, type: event.kind } as Told;
  const before = machine.resolveState({ value: record.state, context: factsOf(record) });
  // Not `can`: an event that changes nothing (working, told once more) is one that may come.
  if (machine.states[record.state]?.ownEvents.includes(told.type) !== true)
    throw failure('CONFLICT', `The job ${record.id} is ${record.state}: "${event.kind}" cannot come now.`, {
      job: record.id,
    });
  const [after] = transition(machine, before, told);
  return {
    ...record,
    ...after.context,
    state: after.value as JobState,
    updatedAt: new Date(nowMs).toISOString(),
  };
}

function factsOf(job: AnyJob): Facts {
  const { attempts, worker, cancelAsked, progress, checkpointStep, preempted, result, error } = job;
  return {
    attempts,
    cancelAsked,
    ...(worker === undefined ? {} : { worker }),
    ...(progress === undefined ? {} : { progress }),
    ...(checkpointStep === undefined ? {} : { checkpointStep }),
    ...(preempted === undefined ? {} : { preempted }),
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
  };
}
