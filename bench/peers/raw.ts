// The floor of `bench path`: a bare NATS responder with the same session. One process, one run per request, no header, reply bytes only.
import { readFile } from 'node:fs/promises';
import { connect } from '@nats-io/transport-node';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [url, modelPath] = process.argv.slice(2);
if (!url || !modelPath) throw new Error('usage: raw.js NATS_URL MODEL');
const session = await InferenceSession.create(await readFile(modelPath), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
const nc = await connect({ servers: url, noAsyncTraces: true });

nc.subscribe('bench.raw', {
  callback: (_error, message) => {
    const { buffer, byteOffset, byteLength } = message.data;
    const aligned =
      byteOffset % 4 === 0
        ? new Float32Array(buffer, byteOffset, byteLength / 4)
        : new Float32Array(Uint8Array.from(message.data).buffer);
    void session.run({ x: new Tensor('float32', aligned, [1, 784]) }).then((outputs) => {
      const y = outputs['y']!.data as Float32Array;
      message.respond(new Uint8Array(y.buffer, y.byteOffset, y.byteLength));
    });
  },
});
await nc.flush();
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));
