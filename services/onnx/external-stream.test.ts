import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { externalise } from './externalise.js';
import { rewrittenTensors, streamedTensors } from './external-stream.js';
import { Graph } from './graph.js';
import { GraphBuilder } from './builder.js';
import { toHalves } from './half.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { largestDifference, outputsOf } from './testing/outputs.js';
import { mlp } from './testing/mlp.js';
import { create } from '@bufbuild/protobuf';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './proto/onnx_pb.js';
import { float32, floatValues, type Tensor } from './tensor.js';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const bytesOf = ({ data }: Tensor): Buffer => {
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return Buffer.from(buffer, byteOffset, byteLength);
};

function outside(): { graph: Graph; resource: Uint8Array } {
  const graph = Graph.read(mlp(1));
  const { chunks } = externalise(graph, 'w.bin');
  return { graph: Graph.read(graph.write()), resource: new Uint8Array(Buffer.concat(chunks)) };
}

test('weights come tensor by tensor, whatever pieces the stream comes in', async () => {
  const plain = Graph.read(mlp(1));
  for (const size of [1_000, 4_097, 1_000_000]) {
    const { graph, resource } = outside();
    const seen: string[] = [];
    for await (const { names, tensor } of streamedTensors(graph, 'w.bin', inPieces(resource, size))) {
      seen.push(...names);
      const expected = plain.constant(names[0] ?? '');
      expect(tensor.dims).toEqual(expected?.dims);
      expect(Buffer.compare(bytesOf(tensor), bytesOf(expected ?? tensor))).toBe(0);
    }
    expect(seen).toContain('hidden_w');
  }
});

test('a model is rewritten on the way, and answers as one that was rewritten whole', async () => {
  const { graph, resource } = outside();
  const chunks: Uint8Array[] = [];
  for await (const chunk of rewrittenTensors(graph, 'w.bin', inPieces(resource, 50_000), (tensor) => ({
    ...tensor,
    data: floatValues(tensor).map((value) => 2 * value),
  })))
    chunks.push(chunk);
  const external = new Map([['w.bin', new Uint8Array(Buffer.concat(chunks))]]);
  const whole = Graph.read(mlp(1));
  for (const name of graph.proto.initializer
    .filter((one) => one.dataLocation === TensorProto_DataLocation.EXTERNAL)
    .map((one) => one.name))
    whole.setConstant(
      name,
      float32(
        whole.initializer(name)?.dims.map(Number) ?? [],
        floatValues(whole.constant(name) ?? float32([0], [])).map((v) => 2 * v),
      ),
    );
  const feeds = { x: float32([1, 784], new Float32Array(784).fill(0.3)) };
  const [expected, found] = [
    await outputsOf(whole.write(), feeds),
    await outputsOf(graph.write(), feeds, { external }),
  ];
  expect(largestDifference(expected, found)).toBeLessThan(1e-5);
});

test('a stream that ends early, and tensors that lie in each other, are refused by name', async () => {
  const read = async (graph: Graph, resource: Uint8Array) => {
    for await (const _ of streamedTensors(graph, 'w.bin', inPieces(resource, 999)));
  };
  const { graph, resource } = outside();
  await expect(read(graph, resource.subarray(0, -1))).rejects.toThrow(/ends at \d+, before the tensor/);
  const [first] = graph.proto.initializer.filter(({ externalData }) => externalData.length > 0).slice(-1);
  const offset = first?.externalData.find(({ key }) => key === 'offset');
  if (offset !== undefined) offset.value = '40';
  await expect(read(graph, resource)).rejects.toMatchObject({ code: 'MODEL_REFUSED' });
});

/** bench/large-model.ts does it with 2.6 GB. */
const [TENSORS, MIB] = [24, 1];

test(`a model of ${TENSORS * MIB} MiB is halved in the memory of one tensor`, async () => {
  const count = (MIB * 1_048_576) / 4;
  const g = new GraphBuilder();
  g.output(g.input('x', T.FLOAT, [1]), T.FLOAT, [1], 'y');
  const graph = Graph.read(g.bytes());
  const entry = (key: string, value: number | string) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) });
  for (let i = 0; i < TENSORS; i++)
    graph.proto.initializer.push(
      create(TensorProtoSchema, {
        name: `w${i}`,
        dataType: T.FLOAT,
        dims: [BigInt(count)],
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: [entry('location', 'big.bin'), entry('offset', i * count * 4)],
      }),
    );
  async function* weights(): AsyncGenerator<Uint8Array> {
    const piece = new Float32Array(262_144);
    for (let i = 0; i < TENSORS * MIB; i++) {
      piece[7] = i;
      yield new Uint8Array(piece.buffer).slice();
      await Promise.resolve();
    }
  }
  const base = process.memoryUsage().rss;
  let peak = 0;
  let bytes = 0;
  const hash = createHash('sha256');
  for await (const chunk of rewrittenTensors(graph, 'big.bin', weights(), (tensor) => ({
    ...tensor,
    dataType: T.FLOAT16,
    data: toHalves(floatValues(tensor)),
  }))) {
    hash.update(chunk);
    bytes += chunk.length;
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  expect(bytes).toBe((TENSORS * count * 4) / 2);
  expect(graph.initializer(`w${TENSORS - 1}`)).toMatchObject({
    dataType: T.FLOAT16,
    dims: [BigInt(count)],
  });
  // The largest tensor twice (read, halved), the chunk before, and what the collector has not seen yet.
  expect(peak - base).toBeLessThan((6 * MIB + 200) * 1_048_576);
});
