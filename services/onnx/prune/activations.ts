// What a weight is worth by what flows through it: |w| times the length of its input over the samples (Wanda; Sun et al., 2023).
// No gradients and no labels are needed.
import { Graph } from '../graph.js';
import { weightLayers, type WeightLayer } from '../quantize/layers.js';
import { eachSample, type Samples } from '../quantize/calibrate.js';
import { elementCount, floatValues, type Tensor } from '../tensor.js';
import { constantsToInitialisers } from '../training/modes.js';

/** Worth of every element of the weights of Conv, Gemm and MatMul, by the weights' name. */
export async function activations(model: Uint8Array, samples: Samples): Promise<Map<string, Float64Array>> {
  const graph = Graph.read(model);
  constantsToInitialisers(graph);
  const layers = weightLayers(graph).found;
  const squares = new Map<string, Float64Array>();
  await eachSample(graph, [...new Set(layers.map(({ input }) => input))], samples, (name, value) => {
    for (const layer of layers) if (layer.input === name) add(squares, layer, value);
  });
  return new Map(
    layers.map((layer) => [layer.weight, worthOf(graph, layer, squares.get(layer.weight))] as const),
  );
}

/** Sums of squares by input channel: axis 1 of images, the last of everything else. */
function add(squares: Map<string, Float64Array>, { kind, weight }: WeightLayer, value: Tensor): void {
  const axis = kind === 'Conv' ? 1 : value.dims.length - 1;
  const count = value.dims[axis] ?? 1;
  const inner = elementCount(value.dims.slice(axis + 1));
  const sums = squares.get(weight) ?? new Float64Array(count);
  floatValues(value).forEach((one, i) => {
    const channel = Math.floor(i / inner) % count;
    sums[channel] = (sums[channel] ?? 0) + one ** 2;
  });
  squares.set(weight, sums);
}

function worthOf(graph: Graph, { weight, axis }: WeightLayer, sums: Float64Array | undefined): Float64Array {
  const tensor = graph.constant(weight);
  if (tensor === undefined) return new Float64Array(0);
  const inputAxis = 1 - axis;
  const inner = elementCount(tensor.dims.slice(inputAxis + 1));
  const count = tensor.dims[inputAxis] ?? 1;
  return Float64Array.from(floatValues(tensor), (value, i) => {
    // A depthwise window reads the channel of its own number.
    const channel = count === sums?.length ? Math.floor(i / inner) % count : Math.floor(i / inner);
    return Math.abs(value) * Math.sqrt(sums?.[channel] ?? 1);
  });
}
