import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { externalise } from '../externalise.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { openSession, type Tensors } from '../session.js';
import { float32 } from '../tensor.js';
import { largestDifference } from '../testing/outputs.js';
import { type Range, scatter } from './scatter.js';
import { splitModel } from './split-model.js';
import { layOutWeights, smallRanges, WEIGHTS } from './stage-weights.js';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Two layers that share their weights, a reshape whose shape is a constant, one layer more. */
function model(): Uint8Array {
  const random = seeded(1);
  const g = new GraphBuilder({ opset: 17, name: 'deep' });
  const x = g.input('x', T.FLOAT, ['batch', 32]);
  const shared = g.constant('shared', float32([32, 32], random.normals(1_024, 0.2)));
  const first = g.op('Relu', [g.op('MatMul', [x, shared])]);
  const middle = g.op('Reshape', [g.op('Relu', [g.op('MatMul', [first, shared])]), g.ints([-1, 2, 16])]);
  const last = g.constant('last', float32([16, 8], random.normals(128, 0.2)));
  g.op('MatMul', [middle, last], {}, { outputs: ['y'] });
  g.output('y', T.FLOAT, ['batch', 2, 8]);
  return g.bytes();
}

function outside(): { graph: Graph; resource: Uint8Array } {
  const graph = Graph.read(model());
  const { chunks } = externalise(graph, 'all.bin', 1);
  return { graph: Graph.read(graph.write()), resource: new Uint8Array(Buffer.concat(chunks)) };
}

test.each([7, 100, 1_000_000])(
  'a model with all its weights outside is split while they stream past in pieces of %i bytes',
  async (size) => {
    const { graph, resource } = outside();
    const { ranges, bringIn } = smallRanges(graph);
    await scatter('all.bin', inPieces(resource, size), ranges.get('all.bin') ?? []);
    bringIn();
    const { stages } = await splitModel(graph, 3, { inputShapes: { x: [2, 32] } });
    const files = stages.map(() => new Uint8Array(resource.length));
    const moves = stages.map(layOutWeights);
    const all = moves.flatMap((own, stage) =>
      own.map(({ from, bytes, to }): Range => ({
        from,
        bytes,
        put: (part, at) => files[stage]?.set(part, to + at),
      })),
    );
    await scatter('all.bin', inPieces(resource, size), all);
    // Neither stage has the other's weights.
    expect(moves.flat().every(({ bytes }) => bytes <= 4_096)).toBe(true);
    const x = float32([2, 32], seeded(2).normals(64, 1));
    let values: Tensors = { x };
    for (const [i, stage] of stages.entries()) {
      const external = new Map([[WEIGHTS, files[i] ?? new Uint8Array()]]);
      await using session = await openSession(stage.write(), { optimisation: 'disabled', external });
      const fed = session.inputNames.map((name) => [name, values[name] ?? x] as const);
      values = { ...values, ...(await session.run(Object.fromEntries(fed))) };
    }
    await using whole = await openSession(model(), { optimisation: 'disabled' });
    const { y = x } = values;
    expect(largestDifference(await whole.run({ x }), { y })).toBe(0);
  },
);

test('a resource that ends before a weight does is refused, with the place', async () => {
  const { graph, resource } = outside();
  const ranges = layOutWeights(graph).map(({ from, bytes }) => ({ from, bytes, put: () => undefined }));
  await expect(scatter('all.bin', inPieces(resource.subarray(0, 50), 16), ranges)).rejects.toThrow(
    '"all.bin" has 50 bytes',
  );
});
