// Bounds what the doors hold at once, in requests and in bytes of their bodies. Full is an answer (503 with Retry-After).
import { failure } from '../../contracts/errors.js';

export interface AdmissionLimits {
  readonly inFlightMax: number;
  readonly heldMaxBytes: number;
}

export class Admission {
  private inFlight = 0;
  private heldBytes = 0;

  constructor(private readonly limits: AdmissionLimits) {}

  get held(): { readonly requests: number; readonly bytes: number } {
    return { requests: this.inFlight, bytes: this.heldBytes };
  }

  /** Takes a place for a request of so many bytes; call what it returns when the request is over. */
  enter(bytes: number): () => void {
    const { inFlightMax, heldMaxBytes } = this.limits;
    if (this.inFlight >= inFlightMax)
      throw failure('MAILBOX_FULL', `The gateway holds ${inFlightMax} requests already.`, { inFlightMax });
    // An empty house takes any guest: else a body above the limit could never be served.
    if (this.inFlight > 0 && this.heldBytes + bytes > heldMaxBytes)
      throw failure('MAILBOX_FULL', `The gateway holds ${this.heldBytes} bytes of requests already.`, {
        heldMaxBytes,
      });
    this.inFlight++;
    this.heldBytes += bytes;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.inFlight--;
      this.heldBytes -= bytes;
    };
  }
}
