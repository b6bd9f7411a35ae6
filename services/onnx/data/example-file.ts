// Examples on disk, one record of fixed size each: the input's elements, then the target's. Training reads them by number, in any
// order, so that a data set may be many times larger than memory; files that are small are kept in it.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { createHash } from 'node:crypto';
import assert from 'node:assert';

export const ELEMENT_BYTES = { float32: 4, uint8: 1, int32: 4 } as const;
export type ElementKind = keyof typeof ELEMENT_BYTES;
export type ExampleInput = Float32Array | Uint8Array | Int32Array;
/** Classes, or the characters that follow; numbers where those are learned. */
export type ExampleTarget = Int32Array | Float32Array;

export interface ExampleLayout {
  readonly element: ElementKind;
  /** Of one example's input. */
  readonly shape: readonly number[];
  /** Numbers of the target: 1 for a class, the length for a text that is continued. */
  readonly targetSize: number;
  /** 'int32' where absent. */
  readonly targetElement?: 'int32' | 'float32';
}

const WRITE_BYTES = 262_144;
/** A file up to this size is read once; of a larger one each batch reads its records. */
const HELD_BYTES_MAX = 33_554_432;

export const inputSize = ({ shape }: ExampleLayout): number =>
  shape.reduce((product, size) => product * size, 1);

const recordBytes = (layout: ExampleLayout): number =>
  inputSize(layout) * ELEMENT_BYTES[layout.element] + 4 * layout.targetSize;

export class ExampleWriter {
  count = 0;
  private readonly file: number;
  private readonly buffer: Buffer;
  private readonly record: number;
  private used = 0;
  private readonly hash = createHash('sha256');

  constructor(
    path: string,
    private readonly layout: ExampleLayout,
  ) {
    this.file = openSync(path, 'w');
    this.record = recordBytes(layout);
    this.buffer = Buffer.alloc(Math.max(WRITE_BYTES, this.record));
  }

  add(input: ExampleInput, target: ExampleTarget): void {
    assert(input.length === inputSize(this.layout) && target.length === this.layout.targetSize);
    if (this.used + this.record > this.buffer.length) this.flush();
    this.buffer.set(new Uint8Array(input.buffer, input.byteOffset, input.byteLength), this.used);
    this.buffer.set(
      new Uint8Array(target.buffer, target.byteOffset, target.byteLength),
      this.used + this.record - 4 * this.layout.targetSize,
    );
    this.used += this.record;
    this.count++;
  }

  /** The SHA-256 of the whole file. */
  close(): string {
    this.flush();
    closeSync(this.file);
    return this.hash.digest('hex');
  }

  private flush(): void {
    const bytes = this.buffer.subarray(0, this.used);
    for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at);
    this.hash.update(bytes);
    this.used = 0;
  }
}

export interface Batch {
  readonly size: number;
  /** Elements of all examples, one after the other. */
  readonly input: ExampleInput;
  readonly target: ExampleTarget;
}

export class ExampleFile implements Disposable {
  readonly count: number;
  private readonly file: number;
  private readonly record: number;
  private readonly held: Buffer | undefined;

  constructor(
    path: string,
    readonly layout: ExampleLayout,
  ) {
    this.file = openSync(path, 'r');
    this.record = recordBytes(layout);
    const { size } = fstatSync(this.file);
    assert(size % this.record === 0, `${path} is not made of whole examples`);
    this.count = size / this.record;
    if (size > HELD_BYTES_MAX) return;
    this.held = Buffer.alloc(size);
    this.readInto(this.held, 0, 0, size);
  }

  batch(numbers: ArrayLike<number>): Batch {
    const { layout, record } = this;
    const size = inputSize(layout);
    const target = newTarget(layout, numbers.length);
    const input = newElements(layout.element, numbers.length * size);
    const [inputBytes, targetBytes] = [bytesOf(input), bytesOf(target)];
    const [wide, tail] = [size * ELEMENT_BYTES[layout.element], 4 * layout.targetSize];
    const one = this.held === undefined ? Buffer.alloc(record) : undefined;
    for (let i = 0; i < numbers.length; i++) {
      const at = (numbers[i] ?? 0) * record;
      if (one !== undefined) this.readInto(one, 0, at, record);
      const from = one ?? this.held?.subarray(at, at + record);
      assert(from !== undefined);
      inputBytes.set(from.subarray(0, wide), i * wide);
      targetBytes.set(from.subarray(wide), i * tail);
    }
    return { size: numbers.length, input, target };
  }

  /** All examples in order, in batches of at most `size`. */
  *batches(size: number): Generator<Batch> {
    for (let from = 0; from < this.count; from += size)
      yield this.batch(Array.from({ length: Math.min(size, this.count - from) }, (_, i) => from + i));
  }

  [Symbol.dispose](): void {
    closeSync(this.file);
  }

  private readInto(buffer: Buffer, offset: number, position: number, length: number): void {
    for (let done = 0; done < length;) {
      const read = readSync(this.file, buffer, offset + done, length - done, position + done);
      assert(read > 0, 'an example file became shorter while it was read');
      done += read;
    }
  }
}

function newTarget({ targetElement, targetSize }: ExampleLayout, count: number): ExampleTarget {
  const length = count * targetSize;
  return targetElement === 'float32' ? new Float32Array(length) : new Int32Array(length);
}

const bytesOf = (array: ExampleInput): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function newElements(kind: ElementKind, length: number): ExampleInput {
  if (kind === 'float32') return new Float32Array(length);
  return kind === 'uint8' ? new Uint8Array(length) : new Int32Array(length);
}
