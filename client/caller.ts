// A way to a model: `direct` chooses the replica itself and asks its engine, `routed` leaves the choice to the region's router.
import type { Sequence } from '../contracts/body-parameters.js';
import type { Body } from '../contracts/infer-body.js';

export interface CallOptions {
  readonly requestId: string;
  /** The application chose the id. */
  readonly once: boolean;
  readonly uncached: boolean;
  readonly failFast: boolean;
  readonly timeoutMs: number | undefined;
  readonly user: string | undefined;
  readonly tenant: string | undefined;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Label or digest: bypasses the weights, never the gate. */
  readonly version: string | undefined;
  readonly priority: number | undefined;
  /** The step of a sequence that it is. */
  readonly sequence?: Sequence | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Answer {
  readonly bytes: Uint8Array;
  readonly jsonLength: number | undefined;
  readonly replica: string;
  readonly attempts: number;
  /** `<epoch>.<arm>`, where arms are compared. */
  readonly arm?: string | undefined;
  /** From endpoints that keep answers: whether it is one of those. */
  readonly cached: boolean | undefined;
}

export interface Caller {
  infer(endpoint: string, body: Body, options: CallOptions): Promise<Answer>;
  close(): void;
}
