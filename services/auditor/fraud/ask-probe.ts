// One challenge probe on the bus: a request like any other, through a router or straight to a replica as the client library sends them. The desk asks.
import { randomUUID } from 'node:crypto';
import { headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { headers } from '../../../contracts/headers.js';
import { decodeInferResponse, encodeInferRequest, readJsonLength } from '../../../contracts/infer-body.js';
import { subjects } from '../../../contracts/subjects.js';
import { failureIn } from '../../mesh/error-reply.js';

export interface Question {
  readonly endpoint: string;
  readonly label: string;
  /** Straight to it; through a router when absent. */
  readonly replica?: string | undefined;
  readonly input: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly output: string;
  readonly requestId?: string;
}

export interface ProbeAnswer {
  readonly replica: string;
  readonly values: ArrayLike<number>;
}

const TIMEOUT_MS = 10_000;

/** Throws where there is no answer at all: that says nothing of the model. */
export async function askProbe(nc: NatsConnection, question: Question): Promise<ProbeAnswer> {
  const { endpoint, label, replica, input, shape, values, output, requestId = randomUUID() } = question;
  const { bytes, jsonLength } = encodeInferRequest({
    parameters: {},
    inputs: [{ name: input, datatype: 'FP32', shape: [...shape], data: values }],
    binaryOutput: true,
  });
  const sent = natsHeaders();
  sent.set(headers.requestId, requestId);
  sent.set(headers.timeoutMs, String(TIMEOUT_MS));
  if (jsonLength !== undefined) sent.set(headers.jsonLength, String(jsonLength));
  if (replica !== undefined) sent.set(headers.endpoint, endpoint);
  const subject = replica === undefined ? subjects.inferVersion(endpoint, label) : subjects.run(replica);
  const message = await nc.request(subject, bytes, { timeout: TIMEOUT_MS, headers: sent });
  const why = failureIn(message);
  if (why !== undefined) throw why;
  const length = readJsonLength(message.headers?.get(headers.jsonLength) ?? '', message.data.length);
  const found = decodeInferResponse(message.data, length).outputs.find(({ name }) => name === output);
  return {
    replica: message.headers?.get(headers.replica) || (replica ?? ''),
    values: found?.data instanceof Float32Array ? found.data : [],
  };
}
