// ModelStreamInfer as Triton has it: a stream of requests, each with one answer that carries the final mark. One at a time and in
// order, as the requests of a sequence need it; who wants more at once opens more streams. An error ends a request, not the stream.
import { create } from '@bufbuild/protobuf';
import type { ServerDuplexStream, UntypedHandleCall } from '@grpc/grpc-js';
import { toFailure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import type { GrpcCalls } from './grpc-calls.js';
import {
  GRPCInferenceService,
  InferParameterSchema,
  type ModelInferRequest,
  ModelInferRequestSchema,
  type ModelInferResponse,
  ModelInferResponseSchema,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
} from './proto/open_inference_grpc_pb.js';
import { definitionOf, factsOf, type GrpcCall, readMessage, type Rpc } from './rpc.js';

// Leaves room for the number behind it in the 128 characters of a request id.
const STREAM_ID_LENGTH_MAX = 110;

export function inferStream(calls: GrpcCalls): Rpc {
  const handler = (stream: ServerDuplexStream<Buffer, ModelStreamInferResponse>): void => {
    const call = factsOf(stream);
    const given = call.metadata.get(headers.requestId.toLowerCase())[0];
    const streamId = given === undefined ? undefined : String(given).slice(0, STREAM_ID_LENGTH_MAX);
    let served = 0;
    let working = Promise.resolve();
    stream.on('data', (bytes: Buffer) => {
      // The next one is not even read before this one is answered.
      stream.pause();
      const requestId = streamId === undefined ? '' : `${streamId}.${++served}`;
      working = answer(calls, bytes, call, requestId).then((message) => {
        if (call.gone.aborted) return;
        if (stream.write(message)) stream.resume();
        else stream.once('drain', () => stream.resume());
      });
    });
    // The caller's end is heard with its last request, also while that one is being answered.
    stream.on('end', () => void working.then(() => stream.end()));
  };
  return {
    definition: definitionOf(GRPCInferenceService.method.modelStreamInfer),
    handler: handler as UntypedHandleCall,
  };
}

async function answer(
  calls: GrpcCalls,
  bytes: Buffer,
  call: GrpcCall,
  requestId: string,
): Promise<ModelStreamInferResponse> {
  let request: ModelInferRequest | undefined;
  try {
    request = readMessage(ModelInferRequestSchema, bytes);
    const inferResponse = await calls.serve(request, bytes.length, call, requestId);
    return create(ModelStreamInferResponseSchema, { inferResponse: final(inferResponse) });
  } catch (error) {
    // The id says which of the requests it was.
    const { modelName = '', id = '' } = request ?? {};
    return create(ModelStreamInferResponseSchema, {
      errorMessage: toFailure(error).toBody().error,
      inferResponse: final(create(ModelInferResponseSchema, { modelName, id })),
    });
  }
}

function final(response: ModelInferResponse): ModelInferResponse {
  response.parameters['triton_final_response'] = create(InferParameterSchema, {
    parameterChoice: { case: 'boolParam', value: true },
  });
  return response;
}
