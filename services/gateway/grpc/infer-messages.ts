// ModelInferRequest and ModelInferResponse as what the protocol's body codec reads and writes, so that an inference goes on from
// here as it does from any other door.
import { create } from '@bufbuild/protobuf';
import { failure } from '../../../contracts/errors.js';
import type { InferRequest, InferResponse, WantedOutput } from '../../../contracts/infer-body.js';
import { quote } from '../../../contracts/quote.js';
import { elementCount, fromBlob, type Tensor, toBlob } from '../../../contracts/tensor.js';
import { Datatype } from '../../../contracts/tensor-spec.js';
import { readParameters, writeParameters } from './parameters.js';
import {
  type ModelInferRequest,
  type ModelInferRequest_InferInputTensor,
  type ModelInferRequest_InferRequestedOutputTensor,
  type ModelInferResponse,
  ModelInferResponse_InferOutputTensorSchema,
  ModelInferResponseSchema,
} from './proto/open_inference_grpc_pb.js';
import { hasContents, readContents, writeContents } from './tensor-contents.js';

/** Raw contents are all or nothing: one for each input, and then none has typed ones. */
export const isRaw = (message: ModelInferRequest): boolean => message.rawInputContents.length > 0;

export function readRequest(message: ModelInferRequest): InferRequest {
  const { inputs, rawInputContents: raw } = message;
  if (isRaw(message) && raw.length !== inputs.length)
    throw failure(
      'BAD_REQUEST',
      `There are ${raw.length} raw_input_contents for ${inputs.length} inputs: send one for each, or none at all.`,
    );
  // How tensors travel to the caller is a matter of the message here, not of a parameter.
  const { binary_data_output: _, ...parameters } = readParameters(message.parameters);
  const request: InferRequest = {
    parameters,
    inputs: inputs.map((input, index) => readInput(input, raw[index])),
    binaryOutput: true,
  };
  if (message.id !== '') request.id = message.id;
  if (message.outputs.length > 0) request.outputs = message.outputs.map(readWanted);
  return request;
}

function readInput(input: ModelInferRequest_InferInputTensor, raw: Uint8Array | undefined): Tensor {
  const { name } = input;
  const known = Datatype.safeParse(input.datatype);
  if (!known.success)
    throw failure(
      'BAD_REQUEST',
      `Tensor ${quote(name)} has the datatype ${quote(input.datatype)}; known are ${Datatype.options.join(', ')}.`,
    );
  if (input.parameters['shared_memory_region'] !== undefined)
    throw failure(
      'UNSUPPORTED',
      `Tensor ${quote(name)} is in shared memory, which is not offered: send its data.`,
    );
  if (raw !== undefined && input.contents !== undefined)
    throw failure('BAD_REQUEST', `Tensor ${quote(name)} has both raw and typed contents.`);
  const { data: datatype } = known;
  const shape = input.shape.map(Number);
  const count = elementCount(shape, name);
  const data =
    raw === undefined
      ? readContents(name, datatype, count, input.contents)
      : fromBlob(name, datatype, count, raw);
  return { name, datatype, shape, data };
}

function readWanted(wanted: ModelInferRequest_InferRequestedOutputTensor): WantedOutput {
  const { binary_data: _, ...parameters } = readParameters(wanted.parameters);
  return Object.keys(parameters).length === 0 ? { name: wanted.name } : { name: wanted.name, parameters };
}

/** Raw is answered raw; so is all that has an output without typed contents, since half-raw is not in the protocol. */
export function writeResponse(response: InferResponse, asRaw: boolean): ModelInferResponse {
  const { modelName, modelVersion = '', id = '', parameters = {}, outputs } = response;
  const raw = asRaw || !outputs.every(({ datatype }) => hasContents(datatype));
  return create(ModelInferResponseSchema, {
    modelName,
    modelVersion,
    id,
    parameters: writeParameters(parameters),
    outputs: outputs.map((tensor) =>
      create(ModelInferResponse_InferOutputTensorSchema, {
        name: tensor.name,
        datatype: tensor.datatype,
        shape: tensor.shape.map(BigInt),
        ...(raw ? {} : { contents: writeContents(tensor) }),
      }),
    ),
    rawOutputContents: raw ? outputs.map(({ data }) => toBlob(data)) : [],
  });
}
