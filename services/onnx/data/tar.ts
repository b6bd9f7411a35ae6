// A tar file as its files, one after the other, with an end to everything: nothing is written to a disk, so a path can lead nowhere,
// and what is larger than said, or more than a data set has, is refused before it is held. Formats: ustar and pax (POSIX.1-2001),
// long names of GNU tar. Folders of pictures come through here.
import { dataRefusal } from './data-refusal.js';

export interface TarFile {
  readonly path: string;
  readonly content: Buffer;
}

const BLOCK = 512;
const FILE_BYTES_MAX = 64 * 1_048_576;
const FILES_MAX = 2_000_000;
const ALL_BYTES_MAX = 16 * 1_073_741_824;

/** Throws DATA_REFUSED naming the entry: damaged headers, paths that lead out of the folder, links, too much of anything. */
export async function* tarFiles(name: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const reader = new Reader(name, source);
  let long: string | undefined;
  for (let files = 0, bytes = 0; ;) {
    const header = await reader.next(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) return;
    const at = `${name} entry ${files + 1}`;
    checkSum(header, at);
    const size = octal(header.subarray(124, 136), at);
    const type = String.fromCharCode(header[156] ?? 0);
    if (size > FILE_BYTES_MAX)
      throw dataRefusal(at, `it says to have ${size} bytes; ${FILE_BYTES_MAX} are read.`);
    bytes += size;
    if (++files > FILES_MAX || bytes > ALL_BYTES_MAX)
      throw dataRefusal(at, `more than ${FILES_MAX} entries or ${ALL_BYTES_MAX} bytes are not read.`);
    const content = await reader.next(size, Math.ceil(size / BLOCK) * BLOCK);
    if (content === undefined) throw dataRefusal(at, 'the file ends within it.');
    if (type === 'L') long = textOf(content);
    else if (type === 'x') long = paxPath(content) ?? long;
    else if (type === '0' || type === '\0') {
      const path = long ?? nameIn(header);
      long = undefined;
      yield { path: inside(path, at), content };
    } else if (type === '5' || type === 'g') long = undefined;
    else
      throw dataRefusal(
        at,
        `it is no plain file and no folder (type "${type.replace(/[^\x20-\x7e]/g, '?')}").`,
      );
  }
}

class Reader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private held: Buffer = Buffer.alloc(0);

  constructor(
    private readonly name: string,
    source: AsyncIterable<Uint8Array>,
  ) {
    this.chunks = source[Symbol.asyncIterator]();
  }

  /** The next `size` bytes, and past `step` of them; undefined at the end of the file. */
  async next(size: number, step = size): Promise<Buffer | undefined> {
    const parts: Buffer[] = [this.held];
    let length = this.held.length;
    while (length < step) {
      const { value, done } = await this.chunks.next().catch((error: unknown) => {
        throw dataRefusal(this.name, 'it cannot be unpacked.', error);
      });
      if (done === true) break;
      parts.push(Buffer.from((value as Uint8Array).buffer, value.byteOffset, value.byteLength));
      length += value.length;
    }
    const all = parts.length === 1 ? this.held : Buffer.concat(parts, length);
    // The last file's padding may be missing.
    if (length < size || (length === 0 && step > 0)) return undefined;
    this.held = all.subarray(Math.min(step, length));
    return Buffer.from(all.subarray(0, size));
  }
}

function checkSum(header: Buffer, at: string): void {
  let sum = 8 * 32;
  for (const [i, byte] of header.entries()) if (i < 148 || i >= 156) sum += byte;
  if (octal(header.subarray(148, 156), at) !== sum)
    throw dataRefusal(at, 'its header is damaged, or this is no tar file.');
}

function octal(field: Buffer, at: string): number {
  const text = textOf(field).trim();
  if (!/^[0-7]*$/.test(text)) throw dataRefusal(at, 'a number in its header is none.');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

const textOf = (bytes: Buffer): string => bytes.toString('utf8').replace(/\0[^]*$/, '');

function nameIn(header: Buffer): string {
  const prefix = textOf(header.subarray(257, 262)) === 'ustar' ? textOf(header.subarray(345, 500)) : '';
  const name = textOf(header.subarray(0, 100));
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Records "length key=value\n". */
function paxPath(content: Buffer): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString('utf8'))?.[1];
}

function inside(path: string, at: string): string {
  const parts = path.split('/').filter((part) => part !== '.' && part !== '');
  if (path.startsWith('/') || path.includes('\\') || parts.includes('..'))
    throw dataRefusal(at, 'its path leads out of the folder.');
  return parts.join('/');
}
