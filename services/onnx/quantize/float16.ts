// float16: weights in half their bytes, made float32 again by a Cast that onnxruntime computes once while loading. It has hardly
// any float16 kernel on processors: a graph that computes in float16 runs slower there, one that stores it does not.
import { removeDeadNodes } from '../dead-nodes.js';
import type { ExternalData } from '../external-data.js';
import { Graph } from '../graph.js';
import { toHalves } from '../half.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';
import { elementCount, floatValues, type Tensor } from '../tensor.js';
import { constantsToInitialisers } from '../training/modes.js';
import { finished, type LayerReport, type Quantized } from './report.js';

const FEWEST = 64; // below, the node that casts takes what is saved
const LARGEST = 65_504;

/** Weights beyond 65,504 stay float32 and are reported. Throws MODEL_REFUSED where nothing can be converted. */
export function toFloat16(model: Uint8Array, external?: ExternalData): Quantized {
  const graph = Graph.read(model, external);
  constantsToInitialisers(graph);
  const layers: LayerReport[] = [];
  for (const { name, dataType, dims } of Array.from(graph.proto.initializer)) {
    const sizes = dims.map(Number);
    if (dataType !== (T.FLOAT as number) || elementCount(sizes) < FEWEST || graph.isOutput(name)) continue;
    const weights = graph.constant(name);
    if (weights === undefined) continue;
    layers.push(store(graph, name, weights));
  }
  if (!layers.some(({ form }) => form === 'float16'))
    throw refusal('This model has no float32 weights that float16 could hold.');
  removeDeadNodes(graph);
  return finished(graph, 'float16', model, layers);
}

function store(graph: Graph, name: string, weights: Tensor): LayerReport {
  const [user] = graph.consumers(name);
  const operator = user?.opType ?? '';
  if (floatValues(weights).some((value) => !(Math.abs(value) <= LARGEST)))
    return { weight: name, operator, form: 'float', reason: 'it holds a value beyond 65,504' };
  const data = toHalves(floatValues(weights));
  graph.removeConstants([name]);
  const half = graph.setConstant(graph.fresh(`${name}/half`), {
    dataType: T.FLOAT16,
    dims: weights.dims,
    data,
  });
  graph.add('Cast', [half], { to: T.FLOAT }, [name], { name: '' });
  return { weight: name, operator, form: 'float16' };
}
