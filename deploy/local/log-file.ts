// A child's output, kept on disk with an end: at most two files of eight MiB. Child writes; operators and tests read.
import { createWriteStream, mkdirSync, openSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';

const BYTES_MAX = 8 * 1024 * 1024;
const TAIL_CHARS_MAX = 16 * 1024;

export class LogFile {
  #stream: WriteStream;
  #bytes: number;
  #tail = '';

  constructor(
    readonly path: string,
    private readonly bytesMax = BYTES_MAX,
  ) {
    mkdirSync(dirname(path), { recursive: true });
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    this.#stream = this.#open();
  }

  write(chunk: Buffer): void {
    this.#tail = (this.#tail + chunk.toString('utf8')).slice(-TAIL_CHARS_MAX);
    if (this.#bytes + chunk.length > this.bytesMax) this.#rotate();
    this.#bytes += chunk.length;
    this.#stream.write(chunk);
  }

  /** What was written last, for an error's message. */
  get tail(): string {
    return this.#tail;
  }

  close(): void {
    this.#stream.end();
  }

  #open(): WriteStream {
    // Opened now, not when the stream gets to it: by then the name may stand for the next file.
    const stream = createWriteStream(this.path, { fd: openSync(this.path, 'a') });
    // A full disk must not take the mesh down with it: the lines are lost, the tail stays.
    stream.on('error', () => undefined);
    return stream;
  }

  #rotate(): void {
    // What the old stream still holds goes to the renamed file: it writes to the open descriptor, not to the name.
    this.#stream.end();
    if (statSync(this.path, { throwIfNoEntry: false })) renameSync(this.path, `${this.path}.1`);
    this.#bytes = 0;
    this.#stream = this.#open();
  }
}
