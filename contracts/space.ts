// Memory for the small arrays of a message: tensors that lay crooked in a socket buffer, bodies of answers. An array of its own costs a
// microsecond and more to make and to collect, which is most of what reading a small request takes; these are cut from a larger one.
// The codec leans on it. What is cut off is the taker's for good; the slab lives as long as any piece of it.

const SLAB_BYTES = 32_768;
/** A larger array is worth its own making, and should not keep a slab alive. */
const PIECE_BYTES_MAX = 4_096;
const ALIGNED = 8;

let slab = new ArrayBuffer(0);
let at = 0;

/** Aligned for every datatype; whoever takes them fills them. */
export function space(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > PIECE_BYTES_MAX) return new Uint8Array(bytes);
  if (at + bytes > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    at = 0;
  }
  const piece = new Uint8Array(slab, at, bytes);
  at = Math.ceil((at + bytes) / ALIGNED) * ALIGNED;
  return piece;
}

/** For whoever keeps bytes for long: a copy, where they are part of something larger. */
export const ownBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > bytes.length ? Uint8Array.from(bytes) : bytes;
