// The worker process: a plain Node program that a trainer forks for one job, since a run blocks the loop and may take gigabytes.
// It knows a folder and its parent, no bus. It may be killed at any moment, and it ends by itself when its parent is gone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toFailure } from '../../../contracts/errors.js';
import { systemClock } from '../../mesh/clock.js';
import { carryOut } from './carry-out.js';
import { type WorkerMessage, type WorkOrder, WORK_FILES } from './messages.js';

process.on('disconnect', () => process.exit(0));
// The trainer decides when a worker ends; a Ctrl-C at a terminal reaches the whole group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

const folder = process.argv[2] ?? '';
const tell = (message: WorkerMessage): void =>
  void process.send?.(message, undefined, undefined, () => undefined);
let last: WorkerMessage;
try {
  const order = JSON.parse(readFileSync(join(folder, WORK_FILES.order), 'utf8')) as WorkOrder;
  await carryOut({ folder, order, clock: systemClock, tell });
  last = { kind: 'done' };
} catch (error) {
  const { code, message } = toFailure(error);
  last = { kind: 'failed', code, message };
}
// Messages go out in order: when the last has, so have all.
process.send?.(last, undefined, undefined, () => process.exit(0));
