// Float weights in a quarter of their bytes: stored as integers of 8 bits, one scale an output channel of a layer, a row of a table, and made
// float again by Cast and Mul, which onnxruntime computes once while loading. A run costs what it cost before. For what has no integer
// kernel or is not worth one: narrow convolutions, embeddings.
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { INT4, pack } from '../narrow-int.js';
import { elementCount, float32, type Tensor } from '../tensor.js';
import { weightLayers } from './layers.js';
import { integerWeights } from './weights.js';

const FEWEST = 1_024; // below, two nodes and a scale take what is saved

export interface StoredOptions {
  /** Names of weights that take 4 bits in the place of 8. */
  readonly fourBits?: ReadonlySet<string>;
  /** One scale a channel or row; true where absent. */
  readonly perChannel?: boolean;
  /** Scales of layers that were found elsewhere, by the weights' name. */
  readonly weightScales?: ReadonlyMap<string, ArrayLike<number>>;
}

/** Works in place, on every float32 weight of two axes and more that is not in `except`. Returns their names. */
export function storeAsIntegers(
  graph: Graph,
  except: ReadonlySet<string>,
  options: StoredOptions = {},
): string[] {
  const stored: string[] = [];
  const axes = new Map(weightLayers(graph).found.map(({ weight, axis }) => [weight, axis]));
  for (const { name, dataType, dims } of Array.from(graph.proto.initializer)) {
    const sizes = dims.map(Number);
    if (dataType !== (T.FLOAT as number) || sizes.length < 2 || elementCount(sizes) < FEWEST) continue;
    const weights = graph.constant(name);
    // A graph may end in a constant; its name has to stay a constant's.
    if (weights === undefined || except.has(name) || graph.isOutput(name)) continue;
    store(graph, name, weights, axes.get(name), options);
    stored.push(name);
  }
  return stored;
}

function store(
  graph: Graph,
  name: string,
  weights: Tensor,
  layerAxis: number | undefined,
  { fourBits, perChannel = true, weightScales }: StoredOptions,
): void {
  const bits = fourBits?.has(name) === true ? 4 : 8;
  const axis = layerAxis ?? 0;
  const given = layerAxis === undefined ? undefined : weightScales?.get(name);
  const { values, scales } = integerWeights(weights, {
    bits,
    ...(perChannel ? { axis } : {}),
    ...(given === undefined ? {} : { given }),
  });
  const packed: Tensor =
    bits === 4 ? { ...values, dataType: T.INT4, data: pack(values.data as Int8Array, INT4) } : values;
  const integers = graph.setConstant(graph.fresh(name), packed);
  const shape = perChannel ? weights.dims.map((_, i) => (i === axis ? scales.length : 1)) : [];
  const scale = graph.setConstant(graph.fresh('s'), float32(shape, scales));
  const [plain = ''] = graph.add('Cast', [integers], { to: T.FLOAT }, [graph.fresh('q')]).output;
  graph.removeConstants([name]);
  graph.add('Mul', [plain, scale], {}, [name], { name: '' });
}
