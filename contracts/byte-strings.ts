// The binary form of BYTES elements: each a 32-bit length (little-endian), then its bytes.
import { type ErrorCode, failure } from './errors.js';
import { quote } from './quote.js';

const PREFIX_BYTES = 4;
const encoder = new TextEncoder();

/** BYTES elements as byte strings, whichever form they came in. */
export const asByteStrings = (data: string[] | Uint8Array[]): Uint8Array[] =>
  data.map((element) => (typeof element === 'string' ? encoder.encode(element) : element));

export function joinByteStrings(data: string[] | Uint8Array[]): Uint8Array {
  const elements = asByteStrings(data);
  const blob = new Uint8Array(elements.reduce((sum, element) => sum + PREFIX_BYTES + element.length, 0));
  const view = new DataView(blob.buffer);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.length, true);
    blob.set(element, at + PREFIX_BYTES);
    at += PREFIX_BYTES + element.length;
  }
  return blob;
}

/** Exactly `count` elements that end exactly where the blob ends. */
export function splitByteStrings(
  name: string,
  count: number,
  blob: Uint8Array,
  fault: ErrorCode,
): Uint8Array[] {
  // Checked before anything is allocated: a shape of a billion elements costs its sender a few bytes.
  if (count * PREFIX_BYTES > blob.length) {
    throw failure(
      fault,
      `Tensor ${quote(name)} declares ${count} elements, its ${blob.length} bytes hold fewer.`,
    );
  }
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const elements: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = at + PREFIX_BYTES;
    const end = start <= blob.length ? start + view.getUint32(at, true) : Infinity;
    if (end > blob.length) {
      throw failure(
        fault,
        `Element ${i} of tensor ${quote(name)} goes beyond the tensor's ${blob.length} bytes.`,
      );
    }
    elements.push(blob.subarray(start, end));
    at = end;
  }
  if (at !== blob.length) {
    throw failure(fault, `Tensor ${quote(name)} has ${blob.length - at} bytes after its last element.`);
  }
  return elements;
}
