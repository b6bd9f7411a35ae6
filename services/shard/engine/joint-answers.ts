// Most answers of a joint run differ in their reader and their rows alone. The first of a kind is written as any answer is; those like it begin with
// the same bytes, and their rows are copied to the wire straight from the run's outputs. Of one run; batch-run.ts makes it.
import type { Body } from '../../../contracts/infer-body.js';
import type { Rest } from '../../mesh/calls/small-message.js';
import type { RowCut } from './gather.js';
import type { Ready } from './request-queue.js';

export class JointAnswers implements Rest {
  /** Of all rows that a request of the kind gets. */
  bytes = 0;
  private head: Uint8Array | undefined;
  private first: Ready | undefined;
  private from = 0;

  constructor(private readonly cuts: readonly RowCut[]) {}

  /** This one got that body. */
  wrote(one: Ready, { bytes, jsonLength }: Body): void {
    if (jsonLength === undefined || !isPlain(one)) return;
    let rowBytes = 0;
    for (const cut of this.cuts) rowBytes += cut.bytesOf(one.decoded.rows) ?? Number.NaN;
    if (rowBytes !== bytes.length - jsonLength) return;
    this.bytes = rowBytes;
    this.head = bytes.subarray(0, jsonLength);
    this.first = one;
  }

  /** What the answer of this one begins with, `from` its first row; the rest is to be copied before the next is asked for. Undefined: its kind is not known. */
  beginning(one: Ready, from: number): Uint8Array | undefined {
    const { first } = this;
    if (first?.decoded.rows !== one.decoded.rows || first.headers.endpoint !== one.headers.endpoint)
      return undefined;
    this.from = from;
    return isPlain(one) ? this.head : undefined;
  }

  copyTo(target: Uint8Array, at: number): void {
    const rows = this.first?.decoded.rows ?? 0;
    let to = at;
    for (const cut of this.cuts) to = cut.copyTo(this.from, rows, target, to);
  }
}

/** All outputs, all of them as blobs, and nothing of its own in the JSON part. */
const isPlain = ({ decoded: { request, stage } }: Ready): boolean =>
  request.binaryOutput && request.outputs === undefined && request.id === undefined && stage === undefined;
