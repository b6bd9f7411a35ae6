// MurmurHash3 x86_32 of a string's UTF-8 bytes. Buckets and rendezvous lean on it, so its values must never change: they decide
// which users see which version.

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

const encoder = new TextEncoder();
// One buffer for all calls, no allocation; longer strings (user ids end at 256 characters) take the slow way.
const scratch = new Uint8Array(1_024);

/** An unsigned 32-bit hash. */
export function murmur3(text: string, seed = 0): number {
  if (text.length * 3 > scratch.length) {
    const bytes = encoder.encode(text);
    return hash(bytes, bytes.length, seed);
  }
  return hash(scratch, write(text), seed);
}

/** Mixes two hashes into one: what rendezvous asks for every pair, so the strings are hashed only once. */
export function mix(a: number, b: number): number {
  return finish(Math.imul(a ^ Math.imul(b, C1), C2) ^ b);
}

function write(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encoder.encodeInto(text, scratch).written;
    scratch[i] = code;
  }
  return text.length;
}

function hash(bytes: Uint8Array, length: number, seed: number): number {
  let h = seed | 0;
  const blocks = length & ~3;
  for (let i = 0; i < blocks; i += 4) {
    h ^= scramble(
      at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24),
    );
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let i = length - 1; i >= blocks; i--) tail = (tail << 8) | at(bytes, i);
  if (length > blocks) h ^= scramble(tail);
  return finish(h ^ length);
}

const at = (bytes: Uint8Array, i: number): number => bytes[i] as number;

function scramble(block: number): number {
  const k = Math.imul(block, C1);
  return Math.imul((k << 15) | (k >>> 17), C2);
}

function finish(hashed: number): number {
  let h = hashed ^ (hashed >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
