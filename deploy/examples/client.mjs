// The TypeScript client in a few lines: node deploy/examples/client.mjs [NATS URL ...]. An application imports client/mod.ts the same way.
import { connect } from '../../dist/client/mod.js';

const urls = process.argv.slice(2);
const massif = await connect({
  nats: urls.length > 0 ? urls : ['nats://127.0.0.1:7401', 'nats://127.0.0.1:7411'],
});
const { outputs, replica } = await massif.infer('vad', {
  input: { data: new Float32Array(576), shape: [1, 576] },
  state: { data: new Float32Array(256), shape: [2, 1, 128] },
  sr: { data: BigInt64Array.of(16_000n), shape: [] },
});
console.log(`probability of speech in silence: ${outputs.output.data[0].toFixed(3)}, computed by ${replica}`);
await massif.close();
