// What part of a replica's limit a request may fill, by its priority: ordinary ones all of it, those that go before them a run more
// (the engine makes room), those that can wait half. Routers and engines ask alike.
import { PRIORITY_DEFAULT } from '../../../contracts/headers.js';

const BEFORE = 1.5;
const BEHIND = 0.5;

/** `priority`: 0 is the default. */
export function limitFor(limit: number, priority: number): number {
  if (priority === 0 || priority === PRIORITY_DEFAULT) return limit;
  return priority < PRIORITY_DEFAULT ? Math.ceil(limit * BEFORE) : Math.max(1, Math.floor(limit * BEHIND));
}
