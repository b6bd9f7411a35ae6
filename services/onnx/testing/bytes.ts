// A text or bytes as a stream in pieces of a chosen size, for tests of readers: what falls between two pieces is where they err.
// oxlint-disable-next-line require-await -- an async stream is what readers take
export async function* pieces(content: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
