// What a layer takes on one core, counted and not timed, so that the same model gives the same bytes everywhere. Which layers are worth
// integers, and which channels save time when they go, is decided by it.
import { intOf } from './attributes.js';
import type { NodeProto } from './proto/onnx_pb.js';
import { elementCount } from './tensor.js';

/**
 * Nanoseconds on one core of a server with VNNI, measured with onnxruntime 1.30 on the 91 convolutions of two OCR networks and on
 * networks of two convolutions of 3 x 3. Float: 0.0178 a multiplication, 0.03 where each output sees few channels. int8: 0.0046 a
 * multiplication and for each output 0.15, or 0.9 where windows have to be gathered; where each output sees few channels 0.045 a
 * multiplication, or 25 for each place where few channels come in from a picture (16, 32, 64 outputs: 29, 33, 45 ns a place).
 * Reading a weight of a dense layer: 12.6M of them took 0.96 ms in float and 0.34 ms in int8.
 */
const FLOAT_NS = 0.0178;
const INTEGER_NS = 0.0046;
const INTEGER_START_NS = 0.15;
const GATHERED_START_NS = 0.9;
const NARROW_FLOAT_NS = 0.03;
const NARROW_INTEGER_NS = 0.045;
const FEW_START_NS = 0.3;
const FEW_PLACE_NS = 25;
const FEW_CHANNELS = 4;
const READ_FLOAT_NS = 0.06;
const READ_INTEGER_NS = 0.02;

export interface CountedLayer {
  readonly node: NodeProto;
  /** Of the weights. */
  readonly dims: readonly number[];
  /** Axis of the weights along which output channels lie. */
  readonly axis: number;
  /** Numbers that a run makes. */
  readonly outputs: number;
}

export function layerNs({ node, dims, axis, outputs }: CountedLayer, integer: boolean): number {
  const channels = dims[axis] ?? 1;
  const window = elementCount(dims) / channels;
  if (node.opType !== 'Conv') {
    // A layer of few rows waits for its weights.
    const reading = elementCount(dims) * (integer ? READ_INTEGER_NS : READ_FLOAT_NS);
    return reading + outputs * (integer ? window * INTEGER_NS + INTEGER_START_NS : window * FLOAT_NS);
  }
  const few = (dims[1] ?? 1) < FEW_CHANNELS;
  if (!integer) return outputs * window * (few ? NARROW_FLOAT_NS : FLOAT_NS);
  if (few && intOf(node, 'group', 1) === 1)
    return (outputs / channels) * FEW_PLACE_NS + outputs * FEW_START_NS;
  if (few) return outputs * window * NARROW_INTEGER_NS;
  const start = elementCount(dims.slice(2)) > 1 ? GATHERED_START_NS : INTEGER_START_NS;
  return outputs * (window * INTEGER_NS + start);
}
