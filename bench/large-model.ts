// A model above 2 GB, which no buffer holds: its weights are halved tensor by tensor from one file into another, and read again. What
// it costs is the memory of its largest tensor a few times over, whatever the model's size.
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { create } from '@bufbuild/protobuf';
import { GraphBuilder } from '../services/onnx/builder.js';
import { rewrittenTensors, streamedTensors } from '../services/onnx/external-stream.js';
import { Graph } from '../services/onnx/graph.js';
import { toHalves } from '../services/onnx/half.js';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  TensorProto_DataType as T,
  TensorProtoSchema,
} from '../services/onnx/proto/onnx_pb.js';
import { seeded } from '../services/onnx/seeded.js';
import { floatValues } from '../services/onnx/tensor.js';
import type { Benchmark } from './report.js';

const MIB = 1_048_576;
const RESOURCE = 'weights.bin';
const SIZES = {
  ci: { tensors: 8, mib: 2 },
  quick: { tensors: 10, mib: 40 },
  full: { tensors: 26, mib: 100 },
} as const;

export const benchmark: Benchmark = async ({ form, seed }) => {
  const { tensors, mib } = SIZES[form];
  const count = (mib * MIB) / 4;
  const folder = mkdtempSync(join(tmpdir(), 'massif-large-'));
  const [before, after] = ['before.bin', 'after.bin'].map((name) => join(folder, name)) as [string, string];
  try {
    const graph = modelOf(tensors, count);
    const checks = await writeWeights(before, tensors, count, seed);
    const base = process.memoryUsage().rss;
    let peak = base;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 10);
    const started = performance.now();
    const halved = rewrittenTensors(
      graph,
      RESOURCE,
      createReadStream(before, { highWaterMark: MIB }),
      (one) => ({
        ...one,
        dataType: T.FLOAT16,
        data: toHalves(floatValues(one)),
      }),
    );
    await pipeline(halved, createWriteStream(after));
    const seconds = (performance.now() - started) / 1_000;
    let wrong = 0;
    let at = 0;
    for await (const { tensor } of streamedTensors(
      graph,
      RESOURCE,
      createReadStream(after, { highWaterMark: MIB }),
    )) {
      const expected = toHalves(Float32Array.of(checks[at++] ?? 0))[0];
      if (
        tensor.dataType !== T.FLOAT16 ||
        tensor.data.length !== count ||
        tensor.data[count - 1] !== expected
      )
        wrong++;
    }
    clearInterval(watch);
    const growthMiB = (peak - base) / MIB;
    const results = {
      modelMiB: tensors * mib,
      tensorMiB: mib,
      seconds,
      peakMiB: peak / MIB,
      growthMiB,
      wrong,
    };
    console.table(results);
    return {
      results,
      aims: [
        { name: 'tensors that came out wrong', value: wrong + tensors - at, unit: '', aim: 0, op: '<=' },
        ...(form === 'ci'
          ? []
          : [
              {
                name: 'growth of memory / largest tensor',
                value: growthMiB / mib,
                unit: 'x',
                aim: 4,
                op: '<=' as const,
              },
            ]),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

function modelOf(tensors: number, count: number): Graph {
  const g = new GraphBuilder();
  g.output(g.input('x', T.FLOAT, [1]), T.FLOAT, [1], 'y');
  const graph = Graph.read(g.bytes());
  const entry = (key: string, value: number | string) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) });
  for (let i = 0; i < tensors; i++)
    graph.proto.initializer.push(
      create(TensorProtoSchema, {
        name: `w${i}`,
        dataType: T.FLOAT,
        dims: [BigInt(count)],
        dataLocation: Location.EXTERNAL,
        externalData: [entry('location', RESOURCE), entry('offset', i * count * 4)],
      }),
    );
  return graph;
}

/** Returns the last number of each tensor. */
async function writeWeights(path: string, tensors: number, count: number, seed: number): Promise<number[]> {
  const file = createWriteStream(path);
  const values = seeded(seed).normals(MIB / 4, 1);
  const last: number[] = [];
  for (let i = 0; i < tensors; i++) {
    for (let written = 0; written < count; written += values.length) {
      values[values.length - 1] = Math.fround(i + 0.5);
      if (!file.write(new Uint8Array(values.slice().buffer))) await once(file, 'drain');
    }
    last.push(i + 0.5);
  }
  file.end();
  await once(file, 'close');
  return last;
}
