// Float weights in a quarter of their bytes: stored as integers of 8 bits, one scale a row, and made float again by Cast and
// Mul, which onnxruntime computes once while loading. A run costs what it cost before. For what has no integer kernel or is
// not worth one: narrow convolutions, embeddings.
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { elementCount, float32, type Tensor } from '../tensor.js';
import { integerWeights } from './weights.js';

const FEWEST = 1_024; // below, two nodes and a scale take what is saved

/** Works in place, on every float32 weight of two axes and more that is not in `except`. Returns their names. */
export function storeAsIntegers(graph: Graph, except: ReadonlySet<string>): string[] {
  const stored: string[] = [];
  for (const { name, dataType, dims } of Array.from(graph.proto.initializer)) {
    const sizes = dims.map(Number);
    if (dataType !== (T.FLOAT as number) || sizes.length < 2 || elementCount(sizes) < FEWEST) continue;
    const weights = graph.constant(name);
    // A graph may end in a constant; its name has to stay a constant's.
    if (weights === undefined || except.has(name) || graph.isOutput(name)) continue;
    store(graph, name, weights);
    stored.push(name);
  }
  return stored;
}

function store(graph: Graph, name: string, weights: Tensor): void {
  const { values, scales } = integerWeights(weights, { axis: 0, bits: 8 });
  const integers = graph.setConstant(graph.fresh(name), values);
  const shape = [scales.length, ...weights.dims.slice(1).map(() => 1)];
  const scale = graph.setConstant(graph.fresh('s'), float32(shape, scales));
  const [plain = ''] = graph.add('Cast', [integers], { to: T.FLOAT }, [graph.fresh('q')]).output;
  graph.removeConstants([name]);
  graph.add('Mul', [plain, scale], {}, [name], { name: `${name}/back` });
}
