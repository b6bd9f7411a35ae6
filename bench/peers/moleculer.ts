// The peer of `bench path`: the same model behind Moleculer actions over its NATS transporter. `infer` takes its input as Moleculer's
// pages show it, an array of numbers for the JSON serializer; `lean` takes the bytes as base64, the most a careful user can do.
import { readFile } from 'node:fs/promises';
import moleculer from 'moleculer';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [url, modelPath] = process.argv.slice(2);
if (!url || !modelPath) throw new Error('usage: moleculer.js NATS_URL MODEL');
const session = await InferenceSession.create(await readFile(modelPath), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
const broker = new moleculer.ServiceBroker({
  nodeID: 'bench-model',
  transporter: { type: 'NATS', options: { url } },
  logger: false,
  metrics: false,
});

const run = async (x: Float32Array): Promise<{ y: number[] }> => {
  const outputs = await session.run({ x: new Tensor('float32', x, [1, 784]) });
  return { y: Array.from(outputs['y']!.data as Float32Array) };
};

broker.createService({
  name: 'mlp',
  actions: {
    infer: (context: { params: { x: number[] } }) => run(Float32Array.from(context.params.x)),
    lean: (context: { params: { x: string } }) =>
      run(new Float32Array(Uint8Array.from(Buffer.from(context.params.x, 'base64')).buffer)),
  },
});
await broker.start();
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));
