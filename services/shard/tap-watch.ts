// Follows the bucket of taps: what lies there is handed to engines, which check who signed it. The residents ask at every load.
import { createHash } from 'node:crypto';
import type { Envelope } from '../../contracts/manifest.js';
import type { Digest } from '../../contracts/names.js';
import { TapRecord } from '../../contracts/taps.js';
import type { BucketEntry } from '../mesh/watch-bucket.js';

export interface TapsKnown {
  /** Another plan has another name. */
  readonly name: string;
  readonly envelope: Envelope;
}

export class TapWatch {
  private readonly known = new Map<Digest, TapsKnown>();

  readonly take = ({ key, value }: BucketEntry): void => {
    const envelope = value && read(value);
    if (!envelope) return void this.known.delete(key);
    const name = createHash('sha256').update(envelope.payload).digest('hex').slice(0, 16);
    this.known.set(key, { name, envelope });
  };

  of(version: Digest): TapsKnown | undefined {
    return this.known.get(version);
  }
}

function read(value: Uint8Array): Envelope | undefined {
  try {
    return TapRecord.safeParse(JSON.parse(Buffer.from(value).toString('utf8'))).data?.envelope;
  } catch {
    return undefined;
  }
}
