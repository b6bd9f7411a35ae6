// How much memory a model takes on one thread: a process of its own in which onnxruntime has run already loads it, runs it, and says by
// how many bytes it grew. Forked by edge.ts with the paths of model and inputs.
import { readFileSync } from 'node:fs';
import { GraphBuilder } from '../../onnx/builder.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { openSession, type Tensors } from '../../onnx/session.js';
import { float32, type Tensor } from '../../onnx/tensor.js';
import { deserialize } from 'node:v8';

const RUNS = 20;

const [modelPath = '', feedsPath = ''] = process.argv.slice(2);
const nothing = new GraphBuilder();
nothing.input('x', T.FLOAT, [1]);
nothing.output(nothing.op('Relu', ['x']), T.FLOAT, [1]);
{
  await using warm = await openSession(nothing.bytes());
  await warm.run({ x: float32([1], [1]) });
}
const feeds = deserialize(readFileSync(feedsPath)) as Record<string, Tensor> as Tensors;
const before = process.memoryUsage.rss();
{
  // The file's bytes are given back once the session has its own; a device would map them.
  await using session = await openSession(readFileSync(modelPath), { threads: 1 });
  let most = 0;
  for (let run = 0; run < RUNS; run++) {
    await session.run(feeds);
    most = Math.max(most, process.memoryUsage.rss());
  }
  process.send?.({ memoryBytes: Math.max(0, most - before) });
}
process.disconnect();
