// The worker process of a job: a plain Node program that is forked for one job, since a run blocks the loop and may take gigabytes.
// It knows a folder and its parent, no bus. It may be killed at any moment, and it ends by itself when its parent is gone. The
// programs of the trainer and the compressor are this with their work.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toFailure } from '../../../contracts/errors.js';
import { type Clock, systemClock } from '../clock.js';
import { type WorkerMessage, WORK_FILES } from './work-messages.js';

export interface WorkPlace<Order> {
  readonly folder: string;
  readonly order: Order;
  readonly clock: Clock;
  readonly tell: (message: WorkerMessage) => void;
  /** True once the actor has asked: time for a last checkpoint, and `Left` thrown. Absent where nobody can ask. */
  readonly leaving?: () => boolean;
}

/** The worker has saved what it had, and ends because it was asked to. */
export class Left extends Error {
  override readonly name = 'Left';
}

export async function runWorker<Order>(
  carryOut: (place: WorkPlace<Order>) => Promise<unknown>,
  /** It looks at `leaving` by itself; else it ends as soon as it is asked. */
  savesOnLeaving = false,
): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  // The actor decides when a worker ends; a Ctrl-C at a terminal reaches the whole group.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);

  let asked = false;
  // The only thing that an actor ever says.
  process.on('message', () => {
    if (!savesOnLeaving) process.exit(0);
    asked = true;
  });

  const folder = process.argv[2] ?? '';
  const tell = (message: WorkerMessage): void =>
    void process.send?.(message, undefined, undefined, () => undefined);
  let last: WorkerMessage | undefined;
  try {
    const order = JSON.parse(readFileSync(join(folder, WORK_FILES.order), 'utf8')) as Order;
    await carryOut({ folder, order, clock: systemClock, tell, leaving: () => asked });
    last = { kind: 'done' };
  } catch (error) {
    const { code, message } = toFailure(error);
    if (!(error instanceof Left)) last = { kind: 'failed', code, message };
  }
  // Messages go out in order: when the last has, so have all. Of one that leaves the checkpoint is the last, said once more.
  const end: WorkerMessage = last ?? { kind: 'working' };
  process.send?.(end, undefined, undefined, () => process.exit(0));
}
