// Walks the protobuf bytes of a model before anything is built from them: ends that fit, wire types as declared, no
// explosion of tiny messages, no nesting that blows the stack. `decode` in model.ts calls it; weights are stepped over.
import type { DescMessage } from '@bufbuild/protobuf';
import { ModelProtoSchema } from './proto/onnx_pb.js';
import { refusal } from './refusal.js';
import { fieldTable, type Field } from './wire-fields.js';

export const LIMITS = {
  nodes: 100_000,
  /** Graphs inside graphs (If, Loop, Scan). Real exports stay below 5. */
  graphDepth: 32,
  /** Two bytes of file can ask for an empty message of 200 bytes: a 10 MB file would take a gigabyte. */
  messages: 2_000_000,
  /** Values in typed fields become JavaScript numbers; raw_data does not count. */
  typedValues: 100_000_000,
  /** Any message in any message: 32 graphs are 96 levels (graph, node, attribute), and a tensor type some more. */
  messageDepth: 128,
} as const;

/** Throws MODEL_REFUSED with the path of the first place that does not hold. */
export function checkWireBounds(bytes: Uint8Array): void {
  new Walker(bytes).walk(ModelProtoSchema, bytes.length, 1, 0);
}

class Walker {
  private position = 0;
  private nodes = 0;
  private messages = 0;
  private typedValues = 0;
  private readonly path: string[] = [];

  constructor(private readonly bytes: Uint8Array) {}

  walk(message: DescMessage, end: number, depth: number, graphDepth: number): void {
    this.countMessage(message, depth, graphDepth);
    const fields = fieldTable(message);
    while (this.position < end) {
      const tag = this.varint(end);
      const wireType = tag & 7;
      const field = fields[tag >>> 3];
      if (tag >>> 3 === 0) throw this.bad('has a field number 0');
      const length = this.lengthOf(wireType, end);
      if (field !== undefined) this.checkField(field, wireType, length);
      if (field?.child === undefined) {
        this.position += length;
        continue;
      }
      this.path.push(field.name);
      this.walk(
        field.child,
        this.position + length,
        depth + 1,
        graphDepth + (field.child.name === 'GraphProto' ? 1 : 0),
      );
      this.path.pop();
    }
  }

  private countMessage(message: DescMessage, depth: number, graphDepth: number): void {
    if (message.name === 'NodeProto' && ++this.nodes > LIMITS.nodes)
      throw this.bad(`has more than ${LIMITS.nodes} nodes`);
    if (++this.messages > LIMITS.messages) throw this.bad(`has more than ${LIMITS.messages} parts`);
    if (graphDepth > LIMITS.graphDepth) throw this.bad(`nests graphs deeper than ${LIMITS.graphDepth}`);
    if (depth > LIMITS.messageDepth) throw this.bad(`nests messages deeper than ${LIMITS.messageDepth}`);
  }

  private checkField(field: Field, wireType: number, length: number): void {
    const packed = wireType === 2 && field.packedUnitBytes > 0;
    if (wireType !== field.wireType && !packed)
      throw this.bad(`has field ${field.name} written as wire type ${wireType}`);
    if (field.packedUnitBytes === 0) return;
    if (packed && length % field.packedUnitBytes !== 0)
      throw this.bad(`has a broken run of values in ${field.name}`);
    this.typedValues += packed ? length / field.packedUnitBytes : 1;
    if (this.typedValues > LIMITS.typedValues) {
      throw this.bad(`has more than ${LIMITS.typedValues} values outside raw_data`);
    }
  }

  /** Bytes the value takes from the present position on; the length prefix itself is consumed. */
  private lengthOf(wireType: number, end: number): number {
    let length: number;
    if (wireType === 0) length = this.varintBytes(end);
    else if (wireType === 1) length = 8;
    else if (wireType === 2) length = this.varint(end);
    else if (wireType === 5) length = 4;
    else throw this.bad(`has wire type ${wireType}, which ONNX does not use`);
    if (this.position + length > end) {
      throw this.bad(
        `needs ${length} bytes where ${end - this.position} are left: the file is truncated or damaged`,
      );
    }
    return length;
  }

  /** Tags and lengths: at most 5 bytes, 32 bits. */
  private varint(end: number): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.position >= end)
        throw this.bad('ends in the middle of a number: the file is truncated or damaged');
      const byte = this.bytes[this.position++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw this.bad('has a length or tag beyond 32 bits');
  }

  private varintBytes(end: number): number {
    for (let length = 1; length <= 10 && this.position + length <= end; length++) {
      if ((this.bytes[this.position + length - 1] ?? 0) < 0x80) return length;
    }
    throw this.bad('has a number without an end');
  }

  private bad(what: string): Error {
    const place = this.path.length === 0 ? 'the model' : this.path.slice(0, 12).join('.');
    return refusal(`This is not a readable ONNX model: at byte ${this.position}, ${place} ${what}.`, {
      byte: this.position,
      place,
    });
  }
}
