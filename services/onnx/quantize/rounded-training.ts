// Lets a model learn under rounded weights: every chosen weight passes through its integers on the way to its layer, and the
// gradient passes straight through the rounding (Jacob et al., 2018; Esser et al., 2020). Feedback trains the result.
import { copyModel } from '../extract.js';
import { Graph } from '../graph.js';
import { float32 } from '../tensor.js';
import { tuned, type Batches, type TuneOptions } from '../training/tune.js';
import { signed } from './affine.js';
import { weightLayers } from './layers.js';
import { integerWeights } from './weights.js';

export interface Rounded {
  /** The model with weights that were learned under rounding; they are real numbers still. */
  readonly model: Uint8Array;
  /** The scales that they were rounded with: quantize with these. */
  readonly scales: ReadonlyMap<string, Float32Array>;
}

/** `model` is a prepared one. */
export async function learnRounded(
  model: Uint8Array,
  bitsOf: ReadonlyMap<string, number>,
  batches: Batches,
  options: TuneOptions & { readonly perChannel?: boolean },
): Promise<Rounded> {
  const plain = Graph.read(model);
  const graph = copyModel(plain);
  const scales = new Map<string, Float32Array>();
  for (const { node, weight, axis } of weightLayers(graph).found) {
    const bits = bitsOf.get(weight);
    const tensor = graph.constant(weight);
    if (bits === undefined || tensor === undefined || scales.has(weight)) continue;
    const own = options.perChannel === false ? {} : { axis };
    const found = integerWeights(tensor, { ...own, bits });
    scales.set(weight, found.scales);
    const through = roundedValue(graph, weight, found.scales, own.axis, bits, tensor.dims.length);
    graph.edit(node, () => (node.input = node.input.map((name) => (name === weight ? through : name))));
  }
  const learned = Graph.read(
    await tuned(graph.write(), batches, {
      ...options,
      parameters: options.parameters ?? parametersOf(plain),
    }),
  );
  for (const name of parametersOf(plain)) {
    const value = learned.constant(name);
    if (value !== undefined) plain.setConstant(name, value);
  }
  return { model: plain.write(), scales };
}

/** Weights and biases of the layers; norms between them keep what they know. */
function parametersOf(graph: Graph): string[] {
  return weightLayers(graph).found.flatMap(({ weight, bias }) =>
    bias === undefined ? [weight] : [weight, bias],
  );
}

function roundedValue(
  graph: Graph,
  weight: string,
  scales: Float32Array,
  axis: number | undefined,
  bits: number,
  rank: number,
): string {
  const shape = Array.from({ length: rank }, (_, i) => (i === axis ? scales.length : 1));
  const constant = (what: string, dims: readonly number[], values: Float32Array): string =>
    graph.setConstant(graph.fresh(`${weight}/${what}`), float32(dims, values));
  const { highest } = signed(bits);
  const most = constant(
    'most',
    shape,
    scales.map((scale) => scale * highest),
  );
  const least = constant(
    'least',
    shape,
    scales.map((scale) => -scale * highest),
  );
  const make = (opType: string, inputs: readonly string[]): string =>
    graph.add(opType, inputs).output[0] ?? '';
  const inside = make('Max', [make('Min', [weight, most]), least]);
  // Round passes gradients straight through. QuantizeLinear would as well, but onnxruntime moves it about in a graph that trains.
  const scale = constant('scale', shape, scales);
  return make('Mul', [make('Round', [make('Div', [inside, scale])]), scale]);
}
