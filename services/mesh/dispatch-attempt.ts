// One attempt of a call: a request under way to one replica, and the token its answer comes to. Only calls make them.
import type { AttemptKind } from './dispatch-observer.js';
import type { Mux, OnAnswer } from './mux.js';
import type { Trip } from './replica-entry.js';

export class Attempt {
  readonly token: string;
  /** Something came back, or there was nobody: nothing of it waits there any more. */
  settled = false;
  /** `<epoch>.<arm>`, where arms are compared. */
  arm: string | undefined;

  constructor(
    readonly flight: Trip,
    readonly kind: AttemptKind,
    /** Taken from the retry budget, which must hear of its end. */
    readonly paid: boolean,
    /** Of the version that is asked. */
    readonly label: string,
    readonly mux: Mux,
    /** When the next replica is asked as well. */
    public timeoutAt: number,
    onAnswer: OnAnswer,
  ) {
    this.token = mux.expect(onAnswer);
  }

  /** Nothing is known of its end yet. Its token stays open to the end of the call: an answer after its time still counts. */
  get open(): boolean {
    return !this.flight.over;
  }
}
