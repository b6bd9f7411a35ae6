// An answer that one message does not carry stays here until its caller has fetched it, or goes to the object store, as the caller
// can take it; a caller who said nothing of that is told how to ask.
import { buckets } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import type { Body } from '../../../contracts/infer-body.js';
import { type TakesLarge, tooLarge, writeReference } from '../../../contracts/large-body.js';
import type { Clock } from '../../mesh/clock.js';
import type { LargeBodies } from '../../mesh/bodies/large-bodies.js';
import { sha256InPieces } from '../../mesh/sha256.js';
import type { HeldLimits } from './held-bodies.js';
import type { ObjectBodies } from './object-bodies.js';

export interface LargeAnswerParts {
  readonly bodies: LargeBodies;
  readonly objects: ObjectBodies;
  readonly limits: HeldLimits;
  readonly region: string;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** A caller begins to fetch at once; while it does the answer is kept longer. */
const KEPT_MS = 10_000;
const PUT_MS_MAX = 30_000;

export class LargeAnswers {
  /** Being hashed or stored; what is offered is counted there. */
  private preparing = 0;

  constructor(private readonly parts: LargeAnswerParts) {}

  /** The header that says where it is. Throws TOO_LARGE and MAILBOX_FULL. */
  async keep({ bytes }: Body, takes: TakesLarge | undefined, messageBytesMax: number): Promise<string> {
    const { bodies, objects, limits, region, clock } = this.parts;
    if (bytes.length > limits.bodyMaxBytes) throw tooLarge('answer', bytes.length, limits.bodyMaxBytes);
    if (takes === undefined)
      throw failure(
        'TOO_LARGE',
        `The answer has ${bytes.length} bytes, a message carries ${messageBytesMax}: ask with the header ` +
          `Massif-Accept-Body: object to find it in the bucket ${buckets.bodies(region)}, or chunks to fetch it from the engine.`,
        { bytes: bytes.length, messageBytesMax },
      );
    const heldBytes = this.preparing + bodies.offers.heldBytes;
    if (heldBytes > 0 && heldBytes + bytes.length > limits.heldMaxBytes)
      throw failure(
        'MAILBOX_FULL',
        `The engine holds answers of ${heldBytes} bytes that nobody fetched yet.`,
      );
    this.preparing += bytes.length;
    try {
      if (takes === 'object')
        return writeReference(await objects.put(bytes, clock.monotonicMs() + PUT_MS_MAX));
      const sha256 = await sha256InPieces(bytes);
      return writeReference(bodies.offers.offer(bytes, sha256, clock.monotonicMs() + KEPT_MS).reference);
    } finally {
      this.preparing -= bytes.length;
    }
  }
}
