// What the weights of known versions look like, whatever their names and order: a push that brings the weights of another model without naming it as its parent
// is refused or told of, as the trust policy says. Kept in a bucket of the home region; the pusher asks.
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import { buckets } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { Digest, Label, ModelName } from '../../contracts/names.js';
import type { Bus } from '../mesh/bus.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { TellAudit } from '../mesh/tell-audit.js';
import { type Fingerprint, fingerprintOf, likeness, SAME_FROM } from '../onnx/fingerprint.js';
import { FingerprintIndex } from '../onnx/fingerprint-index.js';
import type { NewVersion } from './admission.js';

const WeightsRecord = z.strictObject({
  version: Digest,
  model: ModelName,
  label: Label,
  person: z.string().max(300),
  width: z.int().min(1).max(64),
  /** Shares in 255ths, row by row, base64. */
  rows: z.base64().max(65_536),
});
type WeightsRecord = z.infer<typeof WeightsRecord>;
/** Of ten thousand versions each row as an array of its own would be most of the process. */
type Known = Omit<WeightsRecord, 'rows'> & { readonly shares: Buffer };

/** Rows that are kept: those that fall fastest are the most telling. */
const ROWS_KEPT = 256;
/** Fewer say too little. */
const ROWS_LEAST = 8;
/** Of the largest weight of a row: the smallest that is compared. */
const LAST_LEAST = 0.1;
/** Larger graphs are not read a second time. */
const BYTES_MAX = 256 * 1024 * 1024;
/** Of a share: rounding to int8 moves it by 1/254, and what is kept is in 255ths. */
const TOLERANCE = 0.008;

export class KnownWeights {
  private readonly known = new Map<Digest, Known>();
  private readonly index = new FingerprintIndex<Known>(TOLERANCE);

  private constructor(
    private readonly bucket: KV,
    private readonly tell: TellAudit,
    private readonly log: Log,
  ) {}

  static async open(bus: Bus, region: string, tell: TellAudit, log: Log): Promise<KnownWeights> {
    const bucket = await bus.kv(buckets.weights(region), { create: { history: 1, allow_direct: true } });
    const weights = new KnownWeights(bucket, tell, log);
    for await (const key of await bucket.keys()) {
      const entry = await bucket.get(key);
      const read = entry?.operation === 'PUT' ? WeightsRecord.safeParse(entry.json()) : undefined;
      if (read?.success) weights.take(read.data);
    }
    return weights;
  }

  /** Without rows where there is too little to go by. */
  of(model: Uint8Array): Fingerprint {
    if (model.length > BYTES_MAX) return { rows: [] };
    try {
      // One large weight among small ones looks like any other such row.
      const rows = fingerprintOf(model).rows.filter((row) => (row.at(-1) ?? 0) >= LAST_LEAST);
      const ofWidth = (width: number) => rows.filter(({ length }) => length === width);
      // Rows of one length are compared: the longest say most.
      const widths = [...new Set(rows.map(({ length }) => length))].toSorted((a, b) => b - a);
      const width = widths.find((one) => ofWidth(one).length >= ROWS_LEAST);
      return { rows: width === undefined ? [] : ofWidth(width).slice(0, ROWS_KEPT) };
    } catch (error) {
      // What is wrong with a graph the scan says.
      this.log.info('weights.unread', errorFields(error));
      return { rows: [] };
    }
  }

  /** Throws MODEL_REFUSED for a copy where the policy refuses them; else it stands in the audit log. */
  check(record: NewVersion, { rows }: Fingerprint, policy: 'report' | 'refuse'): void {
    if (rows.length === 0) return;
    const parent = record.card.parent === undefined ? undefined : this.known.get(record.card.parent)?.model;
    let nearest: { readonly known: Known; readonly share: number } | undefined;
    for (const known of this.index.like({ rows }, SAME_FROM)) {
      if (known.model === record.model) continue;
      const share = likeness(fingerprintIn(known), { rows }, TOLERANCE, SAME_FROM);
      // Where they come from is said: that others have them too is old news.
      if (share >= SAME_FROM && known.model === parent) return;
      if (share >= SAME_FROM && share > (nearest?.share ?? 0)) nearest = { known, share };
    }
    if (!nearest) return;
    const { known, share } = nearest;
    const percent = Math.round(100 * share);
    const why = `It has the weights of ${known.model} ${known.label} (${percent} % of the rows compared), published by ${known.person}.`;
    const { model, label, digest: version, signer } = record;
    this.tell({
      who: signer.person,
      action: 'version.copy',
      about: { model, version, label, of: known.model, ofVersion: known.version, likeness: percent },
      outcome: policy === 'refuse' ? 'refused' : 'done',
      why,
    });
    this.log.warn('version.copy', { model, version, of: known.version, likeness: share, policy });
    if (policy === 'refuse')
      throw failure(
        'MODEL_REFUSED',
        `${why} Name that version as the card's parent, or push it under its own name.`,
        { of: known.model, version: known.version },
      );
  }

  /** Once it exists. Never rejects: a version is not taken back for want of this. */
  async keep({ digest: version, model, label, signer }: NewVersion, { rows }: Fingerprint): Promise<void> {
    const width = rows[0]?.length ?? 0;
    if (width === 0) return;
    const shares = Buffer.alloc(width * rows.length);
    rows.forEach((row, r) =>
      row.forEach((share, i) => shares.writeUInt8(Math.round(share * 255), r * width + i)),
    );
    const record: WeightsRecord = {
      version,
      model,
      label,
      person: signer.person,
      width,
      rows: shares.toString('base64'),
    };
    this.take(record);
    await this.bucket
      .put(version, JSON.stringify(record))
      .catch((error: unknown) => this.log.warn('weights.not-kept', { version, ...errorFields(error) }));
  }

  private take({ rows, ...about }: WeightsRecord): void {
    // One that was archived and pushed again.
    if (this.known.has(about.version)) return;
    const known = { ...about, shares: Buffer.from(rows, 'base64') };
    this.known.set(about.version, known);
    this.index.add(known, fingerprintIn(known));
  }
}

function fingerprintIn({ width, shares }: Known): Fingerprint {
  const rows = Array.from({ length: Math.floor(shares.length / width) }, (_, r) =>
    Float32Array.from(shares.subarray(r * width, (r + 1) * width), (byte) => byte / 255),
  );
  // `likeness` looks them up by their second share.
  return { rows: rows.sort((a, b) => (a[1] ?? 0) - (b[1] ?? 0)) };
}
