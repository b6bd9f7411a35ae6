// The life of a job as its states: what may happen in which, and what the record says afterwards. Pure; the store applies it, the
// actor and the controller say what happened.
import { failure } from '../../contracts/errors.js';
import type { JobProgress, JobRecord, JobState } from '../../contracts/trainer.js';

export type JobEvent =
  | { readonly kind: 'begun'; readonly worker: string }
  | { readonly kind: 'training' }
  | { readonly kind: 'progress'; readonly progress: JobProgress }
  | { readonly kind: 'checkpoint'; readonly step: number }
  | { readonly kind: 'publishing' }
  | { readonly kind: 'done'; readonly result: NonNullable<JobRecord['result']> }
  | { readonly kind: 'failed'; readonly error: NonNullable<JobRecord['error']> }
  | { readonly kind: 'cancel asked' }
  | { readonly kind: 'cancelled' };

const OPEN = ['queued', 'preparing', 'training', 'publishing'] as const satisfies readonly JobState[];

/** In which states an event may come, and to which it leads. */
const MOVES: Readonly<
  Record<JobEvent['kind'], { readonly from: readonly JobState[]; readonly to?: JobState }>
> = {
  // From any open state: whoever had it was lost.
  begun: { from: OPEN, to: 'preparing' },
  training: { from: ['preparing', 'training'], to: 'training' },
  progress: { from: ['preparing', 'training'] },
  checkpoint: { from: ['preparing', 'training'] },
  publishing: { from: ['preparing', 'training', 'publishing'], to: 'publishing' },
  done: { from: ['publishing'], to: 'done' },
  failed: { from: OPEN, to: 'failed' },
  'cancel asked': { from: OPEN },
  cancelled: { from: OPEN, to: 'cancelled' },
};

export const isOver = ({ state }: Pick<JobRecord, 'state'>): boolean =>
  !(OPEN as readonly JobState[]).includes(state);

/** Throws CONFLICT where the event cannot come in this state. */
export function advance(record: JobRecord, event: JobEvent, nowMs: number): JobRecord {
  const { from, to } = MOVES[event.kind];
  if (!from.includes(record.state))
    throw failure('CONFLICT', `The job ${record.id} is ${record.state}: "${event.kind}" cannot come now.`, {
      job: record.id,
    });
  const moved = {
    ...record,
    ...(to === undefined ? {} : { state: to }),
    updatedAt: new Date(nowMs).toISOString(),
  };
  switch (event.kind) {
    case 'begun':
      return { ...moved, attempts: record.attempts + 1, worker: event.worker };
    case 'progress':
      return { ...moved, progress: event.progress };
    case 'checkpoint':
      return { ...moved, checkpointStep: event.step };
    case 'done':
      return { ...moved, result: event.result };
    case 'failed':
      return { ...moved, error: event.error };
    case 'cancel asked':
      // Nobody works on it yet, so nobody has to be asked.
      return {
        ...moved,
        cancelAsked: true,
        ...(record.state === 'queued' ? { state: 'cancelled' as const } : {}),
      };
    case 'training':
    case 'publishing':
    case 'cancelled':
      return moved;
  }
}
