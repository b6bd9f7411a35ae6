// Decides who goes first: the sooner a request must be answered, the sooner its turn; a level of priority is worth a tenth of a
// second. The number is fixed when a request arrives, so whoever waits is passed only by those who came within a bounded time
// after: nobody starves. A deadline further away than a second makes nobody wait longer than one of a second would.
import { PRIORITY_DEFAULT } from '../../../contracts/headers.js';

const LEVEL_MS = 100;
const URGENCY_MS_MAX = 1_000;

/** 1 is the highest; 0 stands for the default. */
export const levelOf = (priority: number): number => (priority === 0 ? PRIORITY_DEFAULT : priority);

/** Lower goes first. */
export const rankOf = (readAtMs: number, timeoutMs: number, level: number): number =>
  readAtMs + Math.min(timeoutMs, URGENCY_MS_MAX) + level * LEVEL_MS;
