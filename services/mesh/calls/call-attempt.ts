// One attempt of a call: a request under way to one replica. Only call-course.ts makes them.
import type { AttemptKind } from './dispatch-observer.js';
import type { Trip } from '../routing/replica-entry.js';

export class Attempt {
  /** Where its answer comes to; whoever carries the call gives it. */
  token = '';
  /** Something came back, or there was nobody: nothing of it waits there any more. */
  settled = false;

  constructor(
    readonly flight: Trip,
    readonly kind: AttemptKind,
    /** Taken from a budget, which must hear of its end. */
    readonly paid: boolean,
    /** Of the version that is asked; '' of a pipeline. */
    readonly label: string,
    /** `<epoch>.<arm>`, where arms are compared. */
    readonly arm: string | undefined,
    /** When the next replica is asked as well. */
    public timeoutAt: number,
  ) {}

  /** Nothing is known of its end yet. Its token stays open to the end of the call: an answer after its time still counts. */
  get open(): boolean {
    return !this.flight.over;
  }
}
