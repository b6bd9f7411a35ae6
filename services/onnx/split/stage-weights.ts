// Weights outside the graph when it is split: each stage gets a resource of its own with what it reads, laid out here and filled by whoever
// streams the whole's resources past. Nothing here holds a weight but those of a few elements, which shapes are made of.
import { create } from '@bufbuild/protobuf';
import { elementType, rawBytes } from '../data-type.js';
import { externalLocation } from '../external-data.js';
import type { Graph } from '../graph.js';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  type TensorProto,
} from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';
import { elementCount } from '../tensor.js';
import { variant } from '../variant.js';
import type { Range } from './scatter.js';

/** What a stage's resource is called, in its graph and in its manifest. */
export const WEIGHTS = 'weights.bin';
/** Readers may map the resource into memory, where pages of 4 KiB are the unit. */
const ALIGNMENT = 4096;
/** As shape inference reads them. */
const SMALL_ELEMENTS = 64;

export interface WeightMove {
  /** The whole's resource. */
  readonly location: string;
  readonly from: number;
  readonly bytes: number;
  /** In the stage's resource. */
  readonly to: number;
}

/** The graph's initialisers point to the stage's own resource from then on, which these moves fill; none when it needs no weight. */
export function layOutWeights(stage: Graph): WeightMove[] {
  const places = new Map<string, WeightMove>();
  const moved = new Map<string, TensorProto>();
  let end = 0;
  for (const tensor of outside(stage)) {
    const { location, offset } = externalLocation(tensor);
    const bytes = sizeOf(tensor);
    const key = `${offset} ${bytes} ${location}`;
    const to = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    const place = places.get(key) ?? { location, from: offset, bytes, to };
    if (!places.has(key)) end = to + bytes;
    places.set(key, place);
    moved.set(
      tensor.name,
      variant(tensor, {
        externalData: Object.entries({ location: WEIGHTS, offset: place.to, length: bytes }).map(
          ([name, value]) => create(StringStringEntryProtoSchema, { key: name, value: String(value) }),
        ),
      }),
    );
  }
  stage.replaceInitializers(moved);
  return [...places.values()];
}

/** Tensors of few elements, which say shapes and axes, become part of the graph once these ranges of its resources were read. */
export function smallRanges(graph: Graph): { ranges: ReadonlyMap<string, Range[]>; bringIn: () => void } {
  const ranges = new Map<string, Range[]>();
  const inside = new Map<string, TensorProto>();
  for (const tensor of outside(graph)) {
    if (elementCount(tensor.dims.map(Number)) > SMALL_ELEMENTS) continue;
    const { location, offset } = externalLocation(tensor);
    const rawData = new Uint8Array(sizeOf(tensor));
    const range = {
      from: offset,
      bytes: rawData.length,
      put: (part: Uint8Array, at: number) => rawData.set(part, at),
    };
    ranges.set(location, [...(ranges.get(location) ?? []), range]);
    inside.set(tensor.name, variant(tensor, { rawData, externalData: [], dataLocation: Location.DEFAULT }));
  }
  return { ranges, bringIn: () => graph.replaceInitializers(inside) };
}

const outside = (graph: Graph): TensorProto[] =>
  graph.proto.initializer.filter(({ dataLocation }) => dataLocation === Location.EXTERNAL);

function sizeOf(tensor: TensorProto): number {
  const type = elementType(tensor.dataType);
  const { offset, length } = externalLocation(tensor);
  const bytes = type === undefined ? NaN : rawBytes(type, elementCount(tensor.dims.map(Number)));
  if (
    Number.isSafeInteger(bytes) &&
    Number.isSafeInteger(offset) &&
    offset >= 0 &&
    (length ?? bytes) === bytes
  )
    return bytes;
  throw refusal(
    `The tensor "${clip(tensor.name)}" lies at ${offset} with ${length} bytes, its shape takes ${bytes}.`,
    {
      tensor: tensor.name,
    },
  );
}
