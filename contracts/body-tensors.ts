// The tensors of a body: a list in its JSON part, blobs behind it in the order of the tensors that declare a size.
// infer-body.ts reads and writes requests and responses with these; `fault` is the code of whoever sent the body.
import { type ErrorCode, failure } from './errors.js';
import { type Json, parseJson } from './json-integers.js';
import { quote, showJson } from './quote.js';
import { space } from './space.js';
import { elementCount, fromBlob, type Tensor, toBlob } from './tensor.js';
import { fromJson, toJsonText } from './tensor-json.js';
import { Datatype } from './tensor-spec.js';

export type JsonObject = { [key: string]: Json };
export type Parameter = string | number | boolean;
export type Parameters = Record<string, Parameter>;

/** `jsonLength` undefined: the whole body is JSON. */
export interface Body {
  bytes: Uint8Array;
  jsonLength: number | undefined;
}

const DATATYPES: ReadonlySet<string> = new Set(Datatype.options);

/** The header Inference-Header-Content-Length as a number: a plain decimal, not beyond the body. */
export function readJsonLength(header: string | undefined, bodyBytes: number): number | undefined {
  if (header === undefined || header === '') return undefined;
  const length = /^\d{1,15}$/.test(header) ? Number(header) : NaN;
  if (!(length <= bodyBytes)) {
    throw failure(
      'BAD_REQUEST',
      `Inference-Header-Content-Length is ${quote(header)}; it must be a plain integer not above the body's ${bodyBytes} bytes.`,
    );
  }
  return length;
}

export function readJsonObject(
  bytes: Uint8Array,
  jsonLength: number | undefined,
  fault: ErrorCode,
): JsonObject {
  if (jsonLength === undefined) return parseObject(bytes, fault);
  if (!(Number.isSafeInteger(jsonLength) && jsonLength >= 0 && jsonLength <= bytes.length)) {
    throw failure(fault, `The JSON part has ${jsonLength} bytes, the body ${bytes.length}.`);
  }
  return knownHeads.find(bytes, jsonLength) ?? knownHeads.keep(bytes, jsonLength, fault);
}

function parseObject(bytes: Uint8Array, fault: ErrorCode): JsonObject {
  const json = parseJson(bytes, fault);
  if (!isObject(json)) throw failure(fault, 'The JSON part of the body is no object.');
  return json;
}

/**
 * The JSON parts of binary bodies repeat from call to call: the same tensors, only their bytes differ. One of each length is
 * kept, which saves two thirds of the reading of a small request. What is kept is only ever read.
 */
class KnownHeads {
  private readonly byLength: ({ view: DataView; json: JsonObject } | undefined)[] = [];

  find(bytes: Uint8Array, length: number): JsonObject | undefined {
    const known = this.byLength[length];
    return known && begins(bytes, known.view) ? known.json : undefined;
  }

  keep(bytes: Uint8Array, length: number, fault: ErrorCode): JsonObject {
    const head = new Uint8Array(bytes.subarray(0, length)); // slice() of a Buffer copies nothing
    const json = parseObject(head, fault);
    if (isKept(length, json)) this.byLength[length] = { view: new DataView(head.buffer), json };
    return json;
  }
}

/** Whether the next body that begins so will have this very object: with an id it will not come again. */
export const isKept = (length: number, json: JsonObject): boolean =>
  length <= KNOWN_HEAD_BYTES_MAX && json['id'] === undefined;

/** Four bytes at a time: byte by byte it takes a microsecond. */
function begins(bytes: Uint8Array, head: DataView): boolean {
  const { byteLength: length } = head;
  const view = viewOf(bytes.buffer);
  const from = bytes.byteOffset;
  let i = 0;
  for (; i + 4 <= length; i += 4) if (view.getUint32(from + i) !== head.getUint32(i)) return false;
  for (; i < length; i++) if (view.getUint8(from + i) !== head.getUint8(i)) return false;
  return true;
}

/** One read of a socket brings many bodies, which lie in the same memory. */
let read = new DataView(new ArrayBuffer(0));
const READ_BYTES_MAX = 65_536;

function viewOf(memory: ArrayBufferLike): DataView {
  if (memory === read.buffer) return read;
  const view = new DataView(memory);
  if (memory.byteLength <= READ_BYTES_MAX) read = view as typeof read;
  return view;
}

/** Bounds the memory too: one head a length, at most a quarter of a megabyte. */
const KNOWN_HEAD_BYTES_MAX = 512;
const knownHeads = new KnownHeads();

/** Reads the tensors of `list` and their blobs from `start` on; not a byte may be left over. */
export function readTensors(
  list: Json | undefined,
  what: string,
  bytes: Uint8Array,
  start: number,
  fault: ErrorCode,
): Tensor[] {
  if (!Array.isArray(list)) throw failure(fault, `The body needs \`${what}\`, a list of tensors.`);
  const names = new Set<string>();
  const tensors: Tensor[] = [];
  let at = start;
  for (const json of list) {
    if (!isObject(json)) throw failure(fault, `An entry of \`${what}\` is no object.`);
    const name = readName(json, what, names, fault);
    const { datatype, shape, data } = json;
    if (typeof datatype !== 'string' || !DATATYPES.has(datatype)) {
      throw failure(
        fault,
        `Tensor ${quote(name)} has the datatype ${showJson(datatype)}; known are ${Datatype.options.join(', ')}.`,
      );
    }
    if (!isNumbers(shape))
      throw failure(fault, `Tensor ${quote(name)} needs \`shape\`, a list of integers from 0.`);
    const parameters = isObject(json['parameters']) ? json['parameters'] : {};
    const size = parameters['binary_data_size'];
    if (parameters['shared_memory_region'] !== undefined) {
      throw failure(
        'UNSUPPORTED',
        `Tensor ${quote(name)} is in shared memory, which is not offered: send its data.`,
      );
    }
    if ((data === undefined) === (size === undefined)) {
      throw failure(
        fault,
        `Tensor ${quote(name)} needs either \`data\` or the parameter \`binary_data_size\`, exactly one.`,
      );
    }
    const count = elementCount(shape, name, fault);
    if (data !== undefined) {
      tensors.push({
        name,
        datatype: datatype as Datatype,
        shape,
        data: fromJson(name, datatype as Datatype, shape, count, data, fault),
      });
      continue;
    }
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > bytes.length - at) {
      throw failure(
        fault,
        `Tensor ${quote(name)} declares binary_data_size ${showJson(size)}; the body has ${bytes.length - at} bytes left for it.`,
      );
    }
    const blob = bytes.subarray(at, at + size);
    at += size;
    tensors.push({
      name,
      datatype: datatype as Datatype,
      shape,
      data: fromBlob(name, datatype as Datatype, count, blob, fault),
    });
  }
  if (at !== bytes.length) {
    throw failure(fault, `The body has ${bytes.length - at} bytes more than its tensors declare.`);
  }
  return tensors;
}

/** One tensor as JSON text; a binary one leaves its blob in `blobs`. */
export function writeTensor(tensor: Tensor, binary: boolean, blobs: Uint8Array[]): string {
  const { name, datatype, shape } = tensor;
  const head = `{"name":${JSON.stringify(name)},"shape":[${shape.join(',')}],"datatype":"${datatype}",`;
  if (!binary) return `${head}"data":${toJsonText(tensor)}}`;
  const blob = toBlob(tensor.data);
  blobs.push(blob);
  return `${head}"parameters":{"binary_data_size":${blob.length}}}`;
}

const encoder = new TextEncoder();
export function joinBody(json: string, blobs: readonly Uint8Array[], binary: boolean): Body {
  if (!binary) return { bytes: encoder.encode(json), jsonLength: undefined };
  const blobBytes = blobs.reduce((sum, blob) => sum + blob.length, 0);
  // Nearly every head is ASCII, and then its bytes are as many as its characters.
  let bytes = space(json.length + blobBytes);
  const { read, written } = encoder.encodeInto(json, bytes.subarray(0, json.length));
  let at = written;
  if (read < json.length || written < json.length) {
    const head = encoder.encode(json);
    bytes = new Uint8Array(head.length + blobBytes);
    bytes.set(head);
    at = head.length;
  }
  const jsonLength = at;
  for (const blob of blobs) {
    bytes.set(blob, at);
    at += blob.length;
  }
  return { bytes, jsonLength };
}

export function readName(json: JsonObject, what: string, names: Set<string>, fault: ErrorCode): string {
  const { name } = json;
  if (typeof name !== 'string' || name === '') throw failure(fault, `An entry of \`${what}\` has no name.`);
  if (names.has(name)) throw failure(fault, `The name ${quote(name)} comes twice in \`${what}\`.`);
  names.add(name);
  return name;
}

export function readParameters(json: Json | undefined, fault: ErrorCode): Parameters {
  if (json === undefined || json === null) return {};
  if (!isObject(json)) throw failure(fault, '`parameters` is no object.');
  const entries = Object.entries(json).map(([key, value]): [string, Parameter] => {
    // A sequence id may be any 64-bit integer; as a text it stays exact.
    if (typeof value === 'bigint') return [key, String(value)];
    if (value === null || typeof value === 'object') {
      throw failure(fault, `Parameter ${quote(key)} is neither text, number nor truth value.`);
    }
    return [key, value];
  });
  return Object.fromEntries(entries);
}

export const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

const isNumbers = (json: Json | undefined): json is number[] =>
  Array.isArray(json) && json.every((item) => typeof item === 'number');
