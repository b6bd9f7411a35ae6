// The gRPC door as the smoke run uses it: an inference with raw contents, sent as any gRPC client would.
import { create } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { Call } from '../../client/call.js';
import { inputTensors } from '../../client/input-tensors.js';
import { elementCount, fromBlob, toBlob } from '../../contracts/tensor.js';
import { Datatype } from '../../contracts/tensor-spec.js';
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
  type ModelInferResponse,
} from '../../services/gateway/grpc/proto/open_inference_grpc_pb.js';
import { definitionOf } from '../../services/gateway/grpc/rpc.js';

/** `authorization` as the header has it; undefined where the door asks for none. */
export function grpcDoor(target: string, timeoutMs: number, authorization: string | undefined) {
  const client = new Client(target, credentials.createInsecure());
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  const { path, requestSerialize, responseDeserialize } = definitionOf(
    GRPCInferenceService.method.modelInfer,
  );
  const door =
    (endpoint: string): Call =>
    async (inputs) => {
      const tensors = inputTensors(inputs);
      const request = create(ModelInferRequestSchema, {
        modelName: endpoint,
        inputs: tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
        rawInputContents: tensors.map(({ data }) => toBlob(data)),
      });
      const deadline = Date.now() + timeoutMs;
      const response = await new Promise<ModelInferResponse>((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          { deadline },
          (error, answer) => (error ? reject(error) : resolve(answer as ModelInferResponse)),
        );
      });
      return outputsOf(response);
    };
  return { door, close: () => client.close() };
}

function outputsOf({ outputs, rawOutputContents }: ModelInferResponse): Awaited<ReturnType<Call>> {
  return Object.fromEntries(
    outputs.map(({ name, datatype: text, shape: sent }, index) => {
      const datatype = Datatype.parse(text);
      const shape = sent.map(Number);
      const blob = rawOutputContents[index] ?? new Uint8Array();
      return [
        name,
        { name, datatype, shape, data: fromBlob(name, datatype, elementCount(shape, name), blob) },
      ];
    }),
  );
}
