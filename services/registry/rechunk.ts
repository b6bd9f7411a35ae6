// Cuts a stream of bytes into pieces of one size, whatever pieces it came in: only then does part n of a file mean the same
// bytes to everybody who writes it, and a copy can go on where another one ended.

/** The last piece may be shorter; no bytes are no piece. */
export async function* rechunk(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of source) {
    held.push(piece);
    bytes += piece.length;
    if (bytes < size) continue;
    const joined = Buffer.concat(held, bytes);
    let from = 0;
    for (; bytes - from >= size; from += size) yield joined.subarray(from, from + size);
    held = from < bytes ? [joined.subarray(from)] : [];
    bytes -= from;
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}
