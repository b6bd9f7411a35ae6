// The price of a message in `bench batching`: a bare NATS responder that reads the protocol's request and answers a tensor of a few
// numbers, with no model, queue or batch between. Nobody who speaks the protocol gets below what it costs.
import { connect, type Msg } from '@nats-io/transport-node';
import { headers } from '../../contracts/headers.js';
import { decodeInferRequest, encodeInferResponse } from '../../contracts/infer-body.js';
import { eachHeader, headerBlock, headerLine, headerText } from '../../services/mesh/header-block.js';

const [url, subject] = process.argv.slice(2);
if (!url || !subject) throw new Error('usage: empty-model.js NATS_URL SUBJECT');
const outputs = [{ name: 'y', datatype: 'FP32', shape: [1, 10], data: new Float32Array(10) } as const];

function answer(message: Msg): void {
  let jsonLength: number | undefined;
  eachHeader(headerText(message), (key, value) => {
    if (key === headers.jsonLength) jsonLength = Number(value);
  });
  const request = decodeInferRequest(message.data, jsonLength);
  const body = encodeInferResponse({ modelName: 'empty', outputs: [...outputs] }, request);
  const lines = headerLine(headers.jsonLength, body.jsonLength ?? 0);
  message.respond(body.bytes, { headers: headerBlock(lines) });
}

const nc = await connect({ servers: url, noAsyncTraces: true });
nc.subscribe(subject, { callback: (_error, message) => answer(message) });
await nc.flush();
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));
