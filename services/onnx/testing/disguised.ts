// The network of mlp.ts as somebody else's: what a thief does who wants its answers and not its name.
import { Graph } from '../graph.js';
import { prefixNames } from '../rename.js';
import type { Seeded } from '../seeded.js';
import { float32, floatValues } from '../tensor.js';

/** Hidden units in another order, other names, and the smallest fifth of the weights at 0. */
export function disguised(model: Uint8Array, random: Seeded): Uint8Array {
  const graph = Graph.read(model);
  const [w1, b1, w2] = ['hidden_w', 'hidden_b', 'out_w'].map(
    (name) => graph.constant(name) ?? float32([0], []),
  );
  const hidden = b1?.dims[0] ?? 0;
  const order = Array.from({ length: hidden }, (_, i) => i).sort(() => random.uniform() - 0.5);
  const permuted = (from: Float32Array, at: (i: number) => number) =>
    from.map((_, i) => from[at(i)] as number);
  const pruned = (values: Float32Array) => {
    const least = Float32Array.from(values, Math.abs).sort()[Math.floor(values.length / 5)] ?? 0;
    return values.map((value) => (Math.abs(value) < least ? 0 : value));
  };
  const first = permuted(floatValues(w1 ?? b1!), (i) => i - (i % hidden) + (order[i % hidden] ?? 0));
  const last = permuted(floatValues(w2 ?? b1!), (i) => (order[Math.floor(i / 10)] ?? 0) * 10 + (i % 10));
  graph.setConstant('hidden_w', float32(w1?.dims ?? [], pruned(first)));
  graph.setConstant(
    'hidden_b',
    float32(
      [hidden],
      permuted(floatValues(b1!), (i) => order[i] ?? 0),
    ),
  );
  graph.setConstant('out_w', float32(w2?.dims ?? [], pruned(last)));
  const names = new Set([
    ...graph.proto.initializer.map(({ name }) => name),
    ...graph.nodes.flatMap(({ output }) => output),
  ]);
  names.delete('y');
  prefixNames(graph.proto, names, 'stolen_');
  return Graph.read(new Graph(graph.model).write()).write();
}
