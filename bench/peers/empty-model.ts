// The price of a message in `bench batching`: a bare NATS responder that reads the protocol's request, with the two headers that it has, and
// answers what the model would, with the headers of such an answer; no model, queue or batch between. Nobody who speaks the protocol gets below.
import { connect, type Msg } from '@nats-io/transport-node';
import { headers } from '../../contracts/headers.js';
import { decodeInferRequest, encodeInferResponse } from '../../contracts/infer-body.js';
import type { Tensor } from '../../contracts/tensor.js';
import { eachHeader, headerBlock, headerLine, headerText } from '../../services/mesh/header-block.js';

const [url, subject, outputsText] = process.argv.slice(2);
if (!url || !subject || !outputsText) throw new Error('usage: empty-model.js NATS_URL SUBJECT OUTPUTS');
const outputs: Tensor[] = (JSON.parse(outputsText) as Pick<Tensor, 'name' | 'shape'>[]).map((output) => ({
  ...output,
  datatype: 'FP32',
  data: new Float32Array(output.shape.reduce((a, b) => a * b, 1)),
}));

function answer(message: Msg, subject: string): void {
  let jsonLength: number | undefined;
  let timeoutMs = 0;
  eachHeader(headerText(message), (key, value) => {
    if (key === headers.jsonLength) jsonLength = Number(value);
    else if (key === headers.timeoutMs) timeoutMs = Number(value);
  });
  if (timeoutMs <= 0) return;
  const request = decodeInferRequest(message.data, jsonLength);
  const body = encodeInferResponse({ modelName: 'empty', outputs }, request);
  const lines = headerLine(headers.replica, subject) + headerLine(headers.jsonLength, body.jsonLength ?? 0);
  message.respond(body.bytes, { headers: headerBlock(lines) });
}

const nc = await connect({ servers: url, noAsyncTraces: true });
nc.subscribe(subject, { callback: (_error, message) => answer(message, subject) });
await nc.flush();
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));
