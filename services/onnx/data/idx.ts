// IDX, the format of MNIST and its relatives: a magic number with the element type and rank, the sizes, then raw elements. Read as
// a stream, item by item (an item is all but the first axis). Preparation of images asks. http://yann.lecun.com/exdb/mnist/
import { dataRefusal } from './data-refusal.js';

export interface IdxHeader {
  readonly count: number;
  /** Sizes of one item: [28, 28], or [] for labels. */
  readonly itemShape: readonly number[];
}

const UNSIGNED_BYTES = 0x08;
const ITEM_BYTES_MAX = 64 * 1_048_576;

/** The first thing yielded is the header, then items of unsigned bytes. Throws DATA_REFUSED for other types and short files. */
export async function* idxItems(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<IdxHeader | Uint8Array, void> {
  let held = Buffer.alloc(0);
  let header: IdxHeader | undefined;
  let itemBytes = 0;
  let given = 0;
  for await (const chunk of readable(file, bytes)) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    if (header === undefined) {
      const read = readHeader(file, held);
      if (read === undefined) continue;
      header = read.header;
      itemBytes = header.itemShape.reduce((product, size) => product * size, 1);
      if (itemBytes < 1 || itemBytes > ITEM_BYTES_MAX || !Number.isSafeInteger(itemBytes * header.count))
        throw dataRefusal(file, `items of ${header.itemShape.join(' x ')} bytes are not read.`);
      held = held.subarray(read.length);
      yield header;
    }
    let at = 0;
    for (; at + itemBytes <= held.length && given < header.count; at += itemBytes, given++)
      yield new Uint8Array(held.subarray(at, at + itemBytes));
    held = held.subarray(at);
  }
  if (header === undefined) throw dataRefusal(file, 'this is no IDX file: it ends within its header.');
  if (given < header.count)
    throw dataRefusal(
      `${file} item ${given + 1}`,
      `the file ends here, its header promises ${header.count} items.`,
    );
}

function readHeader(file: string, bytes: Buffer): { header: IdxHeader; length: number } | undefined {
  if (bytes.length < 4) return undefined;
  const rank = bytes[3] ?? 0;
  if (bytes[0] !== 0 || bytes[1] !== 0 || rank < 1 || rank > 4)
    throw dataRefusal(file, 'this is no IDX file.');
  if (bytes[2] !== UNSIGNED_BYTES) throw dataRefusal(file, 'only IDX files of unsigned bytes are read.');
  const length = 4 + 4 * rank;
  if (bytes.length < length) return undefined;
  const sizes = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  return { header: { count: sizes[0] ?? 0, itemShape: sizes.slice(1) }, length };
}

/** A gzip stream that was cut off says so in words of zlib. */
async function* readable(file: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw dataRefusal(file, `the file cannot be read to its end: ${(error as Error).message}.`, error);
  }
}
