// The small numbers of a rounded model (scales, biases, norms) in half their bytes and without a name and a header each: all of a
// kind in one float16 tensor, which Cast and Split make float32 or int32 again while the model is loaded. Beside weights of 8 bits they
// are what takes the bytes: 7 % of a transformer of 450,000 weights.
import type { Graph } from '../graph.js';
import { fromHalf, toHalves } from '../half.js';
import { TensorProto_DataType as T, type TensorProto } from '../proto/onnx_pb.js';
import { elementCount, float32, floatValues, int64, type Tensor } from '../tensor.js';

const FEWEST = 32; // of other ranks; below, the node that casts takes what is saved
const SHARED_BYTES_MAX = 64;
/** Scales lie between 2^-28 and 2: times 2^14 they are normal numbers of float16, in which they are exact (affine.ts). */
const FACTORS = [1, 2 ** -14] as const;
/** Of the largest number of a tensor: half the last bit of float16. What loses more stays float32. */
const LOSS_MAX = 2 ** -11;

/** With it float16 holds every int32 to 2^-12 of itself and those below 2^11 exactly, and what it holds are integers. */
const INTEGER_FACTOR = 2 ** 16;

interface Pooled {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Works in place. Constants in `except`, and weights, which are stored.ts's, stay as they are. */
export function shrinkSmallConstants(graph: Graph, except: ReadonlySet<string>): void {
  shareEqual(graph);
  const pools = new Map<number, Pooled[]>();
  for (const { name, dims } of Array.from(graph.proto.initializer)) {
    if (except.has(name) || graph.isOutput(name)) continue;
    const sizes = dims.map(Number);
    if (sizes.length !== 1 && elementCount(sizes) < FEWEST) continue;
    const tensor = graph.constant(name);
    const factor = tensor === undefined ? undefined : factorFor(graph, name, tensor);
    if (tensor === undefined || factor === undefined) continue;
    graph.removeConstants([name]);
    if (sizes.length === 1) pools.set(factor, [...(pools.get(factor) ?? []), { name, tensor }]);
    else writeHalves(graph, tensor, factor, name);
  }
  for (const [factor, pool] of pools) writePool(graph, pool, factor);
}

/** The factor under which float16 holds the numbers best; undefined where it holds them under none, or they are no numbers of a layer. */
function factorFor(graph: Graph, name: string, tensor: Tensor): number | undefined {
  if (tensor.dataType === T.FLOAT) return floatFactor(floatValues(tensor));
  return tensor.dataType === T.INT32 && isBias(graph, name) ? INTEGER_FACTOR : undefined;
}

/** Other integers may be indices, which have to stay exact. */
const isBias = (graph: Graph, name: string): boolean =>
  graph.initializer(name)?.dims.length === 1 &&
  [...graph.consumers(name)].every(({ opType, input }) => opType === 'DequantizeLinear' && input[0] === name);

function floatFactor(values: Float32Array): number | undefined {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  let [best, least]: [number | undefined, number] = [undefined, LOSS_MAX * most];
  for (const factor of FACTORS) {
    const halves = toHalves(values.map((value) => value / factor));
    const loss = values.reduce(
      (worst, value, i) => Math.max(worst, Math.abs(value - factor * fromHalf(halves[i] ?? 0))),
      0,
    );
    if (loss < least || (best === undefined && loss <= least)) [best, least] = [factor, loss];
  }
  return best;
}

function writeHalves(graph: Graph, tensor: Tensor, factor: number, output: string): void {
  const data = toHalves(floatValues(tensor).map((value) => value / factor));
  const half = graph.setConstant(graph.fresh('h'), { dataType: T.FLOAT16, dims: tensor.dims, data });
  if (factor === 1) graph.add('Cast', [half], { to: T.FLOAT }, [output], { name: '' });
  else {
    const [plain = ''] = graph.add('Cast', [half], { to: T.FLOAT }, [graph.fresh('h')]).output;
    const by = graph.setConstant(graph.fresh('h'), float32([], [factor]));
    graph.add('Mul', [plain, by], {}, [output], { name: '' });
  }
}

function writePool(graph: Graph, pool: readonly Pooled[], factor: number): void {
  const sizes = pool.map(({ tensor }) => tensor.data.length);
  const all = new Float32Array(sizes.reduce((a, b) => a + b, 0));
  let at = 0;
  for (const { tensor } of pool) {
    all.set(floatValues(tensor), at);
    at += tensor.data.length;
  }
  let whole = graph.fresh('h');
  writeHalves(graph, float32([all.length], all), factor, whole);
  const to = pool[0]?.tensor.dataType ?? T.FLOAT;
  if (to !== T.FLOAT) [whole = ''] = graph.add('Cast', [whole], { to }, [graph.fresh('h')]).output;
  const outputs = pool.map(({ name }) => {
    const short = graph.fresh('h');
    graph.replaceUses(name, short);
    return short;
  });
  const parts =
    outputs.length === 1 ? [] : [graph.setConstant(graph.fresh('h'), int64([sizes.length], sizes))];
  graph.add(outputs.length === 1 ? 'Identity' : 'Split', [whole, ...parts], {}, outputs);
}

/** Shapes, zero points and the like that are the same to the byte become one. */
function shareEqual(graph: Graph): void {
  const known = new Map<string, string>();
  const gone: string[] = [];
  for (const tensor of graph.proto.initializer) {
    const key = keyOf(tensor);
    if (key === undefined || graph.isOutput(tensor.name)) continue;
    const same = known.get(key);
    if (same === undefined) known.set(key, tensor.name);
    else {
      graph.replaceUses(tensor.name, same);
      gone.push(tensor.name);
    }
  }
  graph.removeConstants(gone);
}

const keyOf = ({ rawData, dataType, dims }: TensorProto): string | undefined =>
  rawData.length === 0 || rawData.length > SHARED_BYTES_MAX
    ? undefined
    : `${dataType} ${dims.join()} ${Buffer.from(rawData).toString('base64')}`;
