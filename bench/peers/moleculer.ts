// The peer of `bench path`: the same model behind a Moleculer action over its NATS transporter. The input travels as base64,
// which is leaner than the array of numbers that its JSON serializer would make of it.
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

broker.createService({
  name: 'mlp',
  actions: {
    async infer(context: { params: { x: string } }) {
      const bytes = Buffer.from(context.params.x, 'base64');
      const x = new Float32Array(Uint8Array.from(bytes).buffer);
      const outputs = await session.run({ x: new Tensor('float32', x, [1, 784]) });
      return { y: Array.from(outputs['y']!.data as Float32Array) };
    },
  },
});
await broker.start();
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));
