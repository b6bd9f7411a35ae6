// A teacher behind an endpoint of the mesh: the same requests as of any caller, in parts that one message carries, each tried a few times. A job
// whose recipe names such teachers opens them before it begins.
import { connectBus, requestFailure } from '../../mesh/bus.js';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { randomUUID } from 'node:crypto';
import { failure, toFailure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import { decodeInferResponse, encodeInferRequest, readJsonLength } from '../../../contracts/infer-body.js';
import type { Tensor as TravellingTensor } from '../../../contracts/tensor.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Clock } from '../../mesh/clock.js';
import { failureIn } from '../../mesh/error-reply.js';
import { messageBytesMax } from '../../mesh/bodies/large-bodies.js';
import { dataTypeOfDatatype, elementType } from '../../onnx/data-type.js';
import type { Teacher } from '../../onnx/distil/distil.js';
import type { Elements } from '../../onnx/elements.js';
import { joined, rowsOf } from '../../onnx/rows.js';
import type { Tensors } from '../../onnx/session.js';
import type { Tensor } from '../../onnx/tensor.js';

const ROWS_MAX = 32; // what a batching engine takes at once
const [TIMEOUT_MS, ATTEMPTS, PAUSE_MS] = [10_000, 5, 500];

export interface Teachers extends AsyncDisposable {
  readonly of: (endpoint: string) => Teacher;
}

/** `url`: of the region's NATS. */
export async function openTeachers(url: string, key: string | undefined, clock: Clock): Promise<Teachers> {
  const bus = await connectBus({ url, key, name: 'compression', waitOnFirstConnect: false });
  const ask = async (endpoint: string, inputs: Tensors): Promise<Tensors> => {
    const { bytes, jsonLength } = encodeInferRequest({
      parameters: {},
      inputs: Object.entries(inputs).map(([name, tensor]) => asTravelling(name, tensor)),
      binaryOutput: true,
    });
    const subject = subjects.infer(endpoint);
    for (let attempt = 1; ; attempt++) {
      const sent = natsHeaders();
      sent.set(headers.requestId, randomUUID());
      sent.set(headers.timeoutMs, String(TIMEOUT_MS));
      if (jsonLength !== undefined) sent.set(headers.jsonLength, String(jsonLength));
      try {
        const message = await bus.nc.request(subject, bytes, { timeout: TIMEOUT_MS, headers: sent });
        const why = failureIn(message);
        if (why !== undefined) throw why;
        const length = readJsonLength(message.headers?.get(headers.jsonLength) ?? '', message.data.length);
        return Object.fromEntries(decodeInferResponse(message.data, length).outputs.map(asComputed));
      } catch (error) {
        const why = toFailure(requestFailure(subject, error));
        if (!why.retryable || attempt === ATTEMPTS)
          throw failure(why.code, `The teacher behind the endpoint "${endpoint}": ${why.message}`, {}, why);
        await clock.sleep(PAUSE_MS * attempt);
      }
    }
  };
  return {
    of: (endpoint) => async (inputs) => {
      const parts: Tensors[] = [];
      for (const part of rowsOf(inputs, rowsAtOnce(inputs, messageBytesMax(bus.nc))))
        parts.push(await ask(endpoint, part));
      return joined(parts);
    },
    [Symbol.asyncDispose]: () => bus.drain(),
  };
}

/** Half of a message: the answer of as many rows may be as large. */
function rowsAtOnce(inputs: Tensors, bytesMax: number): number {
  const tensors = Object.values(inputs);
  const rows = tensors[0]?.dims[0] ?? 1;
  const bytes = tensors.reduce((sum, { data }) => sum + ('byteLength' in data ? data.byteLength : 0), 0);
  return Math.max(1, Math.min(ROWS_MAX, Math.floor((bytesMax / 2 / Math.max(1, bytes)) * rows)));
}

function asTravelling(name: string, { dataType, dims, data }: Tensor): TravellingTensor {
  const datatype = elementType(dataType)?.wire?.datatype;
  if (datatype === undefined || Array.isArray(data))
    throw failure('UNSUPPORTED', `"${name}" holds texts, which no teacher is asked about.`);
  return { name, datatype, shape: dims, data: data as TravellingTensor['data'] };
}

function asComputed({ name, datatype, shape, data }: TravellingTensor): [string, Tensor] {
  const dataType = dataTypeOfDatatype(datatype);
  if (dataType === undefined) throw failure('INTERNAL', `The teacher answers in ${datatype}.`);
  return [name, { dataType, dims: [...shape], data: data as Elements }];
}
