// Outputs of requests that may be asked again, for all replicas of an engine together: bounded in bytes, the least lately used go
// first, and each has an age after which it is none any more. repetitions.ts decides what is kept and who gets it.
import type { Tensor, TensorData } from '../../../contracts/tensor.js';

export interface KeptAnswer {
  readonly outputs: readonly Tensor[];
  /** SHA-256 of what was asked. */
  readonly asked: string;
  readonly keptAtMs: number;
  readonly ageMsMax: number;
}

interface Kept extends KeptAnswer {
  readonly bytes: number;
}

/** What an entry takes beside its data. */
const ENTRY_BYTES = 512;
/** One answer may not push out all others. */
const SHARE_MAX = 0.25;

export class KeptAnswers {
  /** The least lately used first. */
  private readonly kept = new Map<string, Kept>();
  private total = 0;

  constructor(private readonly bytesMax: number) {}

  get bytes(): number {
    return this.total;
  }

  get(key: string, nowMs: number): KeptAnswer | undefined {
    const found = this.kept.get(key);
    if (!found) return undefined;
    if (nowMs - found.keptAtMs >= found.ageMsMax) {
      this.drop(key, found);
      return undefined;
    }
    this.kept.delete(key);
    this.kept.set(key, found);
    return found;
  }

  keep(key: string, answer: KeptAnswer): void {
    const bytes = ENTRY_BYTES + answer.outputs.reduce((sum, { data }) => sum + bytesOf(data), 0);
    if (bytes > this.bytesMax * SHARE_MAX) return;
    const known = this.kept.get(key);
    if (known) this.drop(key, known);
    // The rows of a batch are views of the whole, which would stay with them.
    const outputs = answer.outputs.map((tensor) => ({ ...tensor, data: tensor.data.slice() as TensorData }));
    this.kept.set(key, { ...answer, outputs, bytes });
    this.total += bytes;
    for (const [oldest, entry] of this.kept) {
      if (this.total <= this.bytesMax) return;
      this.drop(oldest, entry);
    }
  }

  /** A replica leaves, and its version with it. */
  dropAll(prefix: string): void {
    for (const [key, entry] of this.kept) if (key.startsWith(prefix)) this.drop(key, entry);
  }

  private drop(key: string, { bytes }: Kept): void {
    if (this.kept.delete(key)) this.total -= bytes;
  }
}

function bytesOf(data: TensorData): number {
  if (!Array.isArray(data)) return data.byteLength;
  // Texts: two bytes a character, and the object around it.
  return (data as (string | Uint8Array)[]).reduce((sum, one) => sum + 2 * one.length + 32, 0);
}
