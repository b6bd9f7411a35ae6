// Ranges of a stream to where they belong, in one pass and one chunk at a time: how weights of a model that no memory holds reach the files
// of its stages. stage-weights.ts says which range goes where.
import { clip, refusal } from '../refusal.js';

export interface Range {
  readonly from: number;
  readonly bytes: number;
  /** Takes the part of the range that begins at `at` of it. Parts come in order, without gaps. */
  readonly put: (part: Uint8Array, at: number) => Promise<void> | void;
}

/** Ranges may overlap. The stream is read to its end, so that whoever checks it has seen all of it; throws MODEL_REFUSED where it ends too early. */
export async function scatter(
  name: string,
  source: AsyncIterable<Uint8Array>,
  ranges: readonly Range[],
): Promise<void> {
  const waiting = ranges.toSorted((a, b) => b.from - a.from);
  let open: Range[] = [];
  let position = 0;
  for await (const chunk of source) {
    const end = position + chunk.length;
    for (let next = waiting.at(-1); next !== undefined && next.from < end; next = waiting.at(-1)) {
      open.push(next);
      waiting.pop();
    }
    for (const { from, bytes, put } of open) {
      const begin = Math.max(from, position);
      const part = chunk.subarray(begin - position, Math.min(from + bytes, end) - position);
      if (part.length > 0) await put(part, begin - from);
    }
    open = open.filter(({ from, bytes }) => from + bytes > end);
    position = end;
  }
  const [short] = [...open, ...waiting].filter(({ bytes }) => bytes > 0);
  if (short !== undefined)
    throw refusal(
      `"${clip(name)}" has ${position} bytes, and the graph takes ${short.bytes} at ${short.from} of it.`,
      { location: name },
    );
}
