// A model as it travels between regions: weights with many zeros as a map of bits and the values that are left, everything
// entropy-coded (brotli), and the digest of the file as it has to come out, to the byte.
import { createHash } from 'node:crypto';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { decode, encode } from '../model.js';
import type { TensorProto } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';

const MAGIC = 'MSF1';
const HEADER_BYTES = 4 + 32 + 4;
const SPARSE_SHARE = 0.5; // with fewer zeros the map of bits costs what it saves
const FEWEST_BYTES = 1_024;
const LARGEST_BYTES = 2 ** 31;

/** Smaller than the model by what its zeros and repetitions allow; `unpack` gives the very bytes back. */
export function pack(model: Uint8Array): Uint8Array {
  const sparse = sparseForm(model);
  const restored = sparse === undefined ? undefined : densified(sparse);
  // A file that another tool wrote may not come out of our encoder as it went in: then it travels as it is.
  const exact = restored !== undefined && Buffer.compare(restored, model) === 0;
  const body = compressed(exact && sparse !== undefined ? joined(sparse) : joined([model]));
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(exact ? MAGIC : 'MSF0', 0, 'latin1');
  header.set(digestOf(model), 4);
  header.writeUInt32LE(model.length, 36);
  return Buffer.concat([header, body]);
}

/** Throws MODEL_REFUSED where the bytes are no packed model or not the ones that were packed. */
export function unpack(packed: Uint8Array): Uint8Array {
  const header = Buffer.from(packed.buffer, packed.byteOffset, Math.min(packed.byteLength, HEADER_BYTES));
  const magic = header.toString('latin1', 0, 4);
  if (header.length < HEADER_BYTES || (magic !== MAGIC && magic !== 'MSF0'))
    throw refusal('These bytes are not a packed model.');
  const length = header.readUInt32LE(36);
  const parts = parted(decompressed(packed.subarray(HEADER_BYTES), length));
  const model = magic === MAGIC ? densified(parts) : (parts[0] ?? new Uint8Array());
  if (Buffer.compare(digestOf(model), header.subarray(4, 36)) !== 0)
    throw refusal('The packed model was changed on its way: its digest is another.');
  return model;
}

/** The model without its sparse weights, then for each a map of bits and its values. Undefined where none is sparse. */
function sparseForm(model: Uint8Array): Uint8Array[] | undefined {
  const proto = decode(model);
  const parts: Uint8Array[] = [];
  for (const tensor of proto.graph?.initializer ?? []) {
    const { rawData } = tensor;
    if (rawData.length < FEWEST_BYTES || zeroShare(rawData) < SPARSE_SHARE) continue;
    const { bits, values } = bitmapOf(rawData);
    parts.push(bits, values);
    markSparse(tensor, rawData.length);
  }
  return parts.length === 0 ? undefined : [encode(proto), ...parts];
}

const MARK = 'massif/sparse/';

function markSparse(tensor: TensorProto, length: number): void {
  tensor.rawData = new Uint8Array();
  tensor.docString = `${MARK}${length}/${tensor.docString}`;
}

function densified([skeleton = new Uint8Array(), ...parts]: readonly Uint8Array[]): Uint8Array {
  const proto = decode(skeleton);
  let at = 0;
  for (const tensor of proto.graph?.initializer ?? []) {
    if (!tensor.docString.startsWith(MARK)) continue;
    const end = tensor.docString.indexOf('/', MARK.length);
    const length = Number(tensor.docString.slice(MARK.length, end));
    tensor.docString = tensor.docString.slice(end + 1);
    tensor.rawData = spread(parts[at] ?? new Uint8Array(), parts[at + 1] ?? new Uint8Array(), length);
    at += 2;
  }
  return encode(proto);
}

function zeroShare(bytes: Uint8Array): number {
  let zeros = 0;
  for (const byte of bytes) if (byte === 0) zeros++;
  return zeros / bytes.length;
}

function bitmapOf(bytes: Uint8Array): { bits: Uint8Array; values: Uint8Array } {
  const bits = new Uint8Array(Math.ceil(bytes.length / 8));
  const values: number[] = [];
  bytes.forEach((byte, i) => {
    if (byte === 0) return;
    bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
    values.push(byte);
  });
  return { bits, values: Uint8Array.from(values) };
}

function spread(bits: Uint8Array, values: Uint8Array, length: number): Uint8Array {
  if (!(length >= 0 && length <= bits.length * 8)) throw refusal('The packed model contradicts itself.');
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < length; i++)
    if (((bits[i >> 3] ?? 0) & (1 << (i & 7))) !== 0) bytes[i] = values[at++] ?? 0;
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(part.length);
      return [size, part];
    }),
  );
}

function parted(bytes: Buffer): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const size = bytes.readUInt32LE(at);
    parts.push(new Uint8Array(bytes.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return parts;
}

/** The best quality parts maps from values and takes less (8 % on drawn weights), at about a second a megabyte. */
const THOROUGH_BYTES_MAX = 524_288;

function compressed(bytes: Buffer): Buffer {
  const quality = bytes.length <= THOROUGH_BYTES_MAX ? constants.BROTLI_MAX_QUALITY : 9;
  return brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: 22 },
  });
}

/** What is packed is never longer than the model and its maps of bits. */
function decompressed(bytes: Uint8Array, modelLength: number): Buffer {
  const most = Math.min(LARGEST_BYTES, 2 * modelLength + 1_048_576);
  try {
    return brotliDecompressSync(bytes, { maxOutputLength: most });
  } catch (cause) {
    throw refusal('The packed model cannot be unpacked: it is cut off or longer than it says.', {}, cause);
  }
}

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
