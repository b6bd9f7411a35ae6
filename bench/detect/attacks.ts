// Attacks of bench detect. On inputs: steps along the gradient. On the model: what an attacker puts in the registered one's place so that
// answers sound as before, the layers behind its answers changed.
import { softmax, classOf } from '../../services/auditor/detect/logit-scores.js';
import { Graph } from '../../services/onnx/graph.js';
import { logitsBehind } from '../../services/onnx/tap/candidates.js';
import type { Seeded } from '../../services/onnx/seeded.js';
import { float32, floatValues } from '../../services/onnx/tensor.js';
import type { InputGradient } from './input-gradient.js';

export const ATTACK_BATCH = 100;
const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** Projected gradient steps (Madry et al., 2018) within `size` of each pixel, away from the class told first or towards the next one. */
export async function adversarial(
  gradient: InputGradient,
  images: readonly Float32Array[],
  { size, steps, target }: { readonly size: number; readonly steps: number; readonly target: boolean },
): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  for (let from = 0; from + ATTACK_BATCH <= images.length; from += ATTACK_BATCH) {
    const start = images.slice(from, from + ATTACK_BATCH);
    let now: readonly Float32Array[] = start;
    const aims: number[] = [];
    for (let step = 0; step < steps; step++) {
      const slopes = await gradient.climb(now, (logits, row) => {
        aims[row] ??= target ? (classOf(logits) + 1) % logits.length : classOf(logits);
        const p = softmax(logits);
        // d(-cross-entropy)/dz towards the aim, or away from it.
        return Float32Array.from(p, (share, c) => (target ? 1 : -1) * ((c === aims[row] ? 1 : 0) - share));
      });
      now = now.map((image, i) =>
        image.map((value, k) => {
          const first = start[i]?.[k] ?? 0;
          const moved = value + Math.sign(slopes[i]?.[k] ?? 0) * ((1.5 * size) / steps);
          return clamp(Math.min(first + size, Math.max(first - size, moved)));
        }),
      );
    }
    all.push(...now);
  }
  return all;
}

export type Tampering = (model: Uint8Array, random: Seeded) => Uint8Array;

/** Each class is told as the next one: shares, confidence and inputs stay, every answer is wrong. */
export const swappedLabels: Tampering = (model) => {
  const graph = Graph.read(model);
  const head = lastLayer(graph);
  for (const name of [head.weight, head.bias]) {
    const { dims, values } = constantOf(graph, name);
    const classes = dims.at(-1) ?? 1;
    graph.setConstant(
      name,
      float32(
        dims,
        values.map((_, i) => values[i - (i % classes) + ((i + 1) % classes)] as number),
      ),
    );
  }
  return graph.write();
};

/** Adds to the last hidden layer what the head does not see: a direction in the null space of its weights. */
export const hiddenShift: Tampering = (model, random) => {
  const graph = Graph.read(model);
  const { feature, weight } = lastLayer(graph);
  const { dims, values } = constantOf(graph, weight);
  const [width = 0, classes = 0] = dims;
  let shift: Float64Array = Float64Array.from({ length: width }, () => random.normal());
  const columns = orthonormal(
    Array.from({ length: classes }, (_, c) =>
      Float64Array.from({ length: width }, (_, i) => values[i * classes + c] as number),
    ),
  );
  for (const column of columns) shift = without(shift, column);
  const moved = graph.fresh('moved');
  const constant = graph.setConstant(
    graph.fresh('shift'),
    float32(
      [1, width],
      Float32Array.from(shift, (value) => value * 0.5),
    ),
  );
  graph.replaceUses(feature, moved);
  graph.add('Add', [feature, constant], {}, [moved]);
  return graph.write();
};

function lastLayer(graph: Graph) {
  const logits = logitsBehind(graph, 'probabilities') ?? '';
  const node = graph.producer(logits);
  const [feature = '', weight = '', bias = ''] = node?.input ?? [];
  return { feature, weight, bias };
}

function constantOf(graph: Graph, name: string) {
  const tensor = graph.constant(name);
  return {
    dims: tensor?.dims ?? [],
    values: tensor === undefined ? new Float32Array(0) : floatValues(tensor),
  };
}

function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    let rest = vector;
    for (const one of basis) rest = without(rest, one);
    const length = Math.hypot(...rest);
    if (length > 1e-9) basis.push(rest.map((value) => value / length));
  }
  return basis;
}

function without(vector: Float64Array, unit: Float64Array): Float64Array {
  const dot = vector.reduce((sum, value, i) => sum + value * (unit[i] as number), 0);
  return vector.map((value, i) => value - dot * (unit[i] as number));
}
