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
}

export async function runWorker<Order>(
  carryOut: (place: WorkPlace<Order>) => Promise<unknown>,
): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  // The actor decides when a worker ends; a Ctrl-C at a terminal reaches the whole group.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);

  const folder = process.argv[2] ?? '';
  const tell = (message: WorkerMessage): void =>
    void process.send?.(message, undefined, undefined, () => undefined);
  let last: WorkerMessage;
  try {
    const order = JSON.parse(readFileSync(join(folder, WORK_FILES.order), 'utf8')) as Order;
    await carryOut({ folder, order, clock: systemClock, tell });
    last = { kind: 'done' };
  } catch (error) {
    const { code, message } = toFailure(error);
    last = { kind: 'failed', code, message };
  }
  // Messages go out in order: when the last has, so have all.
  process.send?.(last, undefined, undefined, () => process.exit(0));
}
