// Both directions of bodies above what one message of a connection carries: what we offer and what we fetch. One for each
// connection of whoever calls or answers: dispatcher, routed client, engine.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Body } from '../../../contracts/body-tensors.js';
import { headers } from '../../../contracts/headers.js';
import {
  BEGINNING_BYTES_MAX,
  BODY_BYTES_MAX,
  tooLarge,
  writeReference,
} from '../../../contracts/large-body.js';
import { BodyFetcher, type FetchLimits } from './body-fetcher.js';
import { BodyOffers, type Offer } from './body-offers.js';
import type { Clock } from '../clock.js';
import { headerLine } from '../header-block.js';
import { sha256InPieces } from '../sha256.js';

/** What Massif's headers may add to a body; the server counts both against its limit. */
const HEADER_BYTES_MAX = 1_024;

/** How long a body may be that travels in one message. */
export const messageBytesMax = (nc: Pick<NatsConnection, 'info'>): number =>
  (nc.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADER_BYTES_MAX;

export const FETCH_LIMITS: FetchLimits = { bodyMaxBytes: BODY_BYTES_MAX, heldMaxBytes: 2 * BODY_BYTES_MAX };

export class LargeBodies {
  readonly offers: BodyOffers;
  readonly fetcher: BodyFetcher;

  constructor(
    readonly nc: NatsConnection,
    clock: Pick<Clock, 'monotonicMs' | 'every'>,
    limits: FetchLimits = FETCH_LIMITS,
  ) {
    this.offers = new BodyOffers(nc, clock);
    this.fetcher = new BodyFetcher(nc, clock, limits);
  }

  close(): void {
    this.offers.close();
    this.fetcher.close();
  }
}

/** What the message brings of a large body: its JSON part, so that doors and routers can look into it. */
export const beginningOf = ({ bytes, jsonLength = 0 }: Body): Uint8Array =>
  bytes.subarray(0, jsonLength <= BEGINNING_BYTES_MAX ? jsonLength : 0);

/** A request's body while it is sent: offered on each connection that is tried, until the call is over. */
export class OutgoingBody {
  readonly beginning: Uint8Array;
  private readonly offers = new Map<LargeBodies, Offer>();

  /** Throws TOO_LARGE. */
  static async of(
    body: Body,
    bodyMaxBytes: number,
    untilMs: number,
    signal?: AbortSignal,
  ): Promise<OutgoingBody> {
    const { length } = body.bytes;
    if (length > bodyMaxBytes) throw tooLarge('body', length, bodyMaxBytes);
    return new OutgoingBody(body, await sha256InPieces(body.bytes, signal), untilMs);
  }

  private constructor(
    private readonly body: Body,
    private readonly sha256: string,
    private readonly untilMs: number,
  ) {
    this.beginning = beginningOf(body);
  }

  /** The header that says where it is to be had on this connection. */
  referenceOn(bodies: LargeBodies): string {
    let offer = this.offers.get(bodies);
    if (!offer) {
      offer = bodies.offers.offer(this.body.bytes, this.sha256, this.untilMs);
      this.offers.set(bodies, offer);
    }
    return writeReference(offer.reference);
  }

  lineOn(bodies: LargeBodies): string {
    return headerLine(headers.body, this.referenceOn(bodies));
  }

  /** When somebody last fetched some of it over this connection; long ago when nobody did yet. */
  fetchedAtMs(bodies: LargeBodies): number {
    return this.offers.get(bodies)?.fetchedAtMs ?? Number.NEGATIVE_INFINITY;
  }

  close(): void {
    for (const offer of this.offers.values()) offer.close();
    this.offers.clear();
  }
}
