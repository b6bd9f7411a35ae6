// The body of an inference as the Open Inference Protocol has it: a JSON part, then the blobs of its binary tensors. The same
// bytes travel over NATS and HTTP; callers, doors and engines read and write them here and nowhere else.
import {
  type Body,
  isKept,
  isObject,
  joinBody,
  type Parameters,
  readJsonObject,
  readName,
  readParameters,
  readTensors,
  writeTensor,
} from './body-tensors.js';
import { classify, readClassCount } from './classification.js';
import { failure } from './errors.js';
import type { Json } from './json-integers.js';
import type { InferRequest, InferResponse, WantedOutput } from './infer-message.js';
import { keepAnswer, knownAnswer } from './known-answers.js';
import { keepRequest, knownRequest } from './known-requests.js';
import { quote } from './quote.js';
import { readRawRequest } from './raw-request.js';
import type { Tensor } from './tensor.js';
import type { TensorSpec } from './tensor-spec.js';

export { type Body, type Parameter, readJsonLength } from './body-tensors.js';
export type { InferRequest, InferResponse, WantedOutput } from './infer-message.js';
export { checkInputs, checkOutputs } from './check-tensors.js';

/**
 * `inputs` are what the model declares: only a raw request (JSON length 0) cannot be read without them. `asBlobs`: tensors may be BlobTensors, which have
 * their numbers only when asked for them.
 */
export function decodeInferRequest(
  bytes: Uint8Array,
  jsonLength: number | undefined,
  inputs?: readonly TensorSpec[],
  { asBlobs = false }: { asBlobs?: boolean } = {},
): InferRequest {
  if (jsonLength === 0) {
    return { parameters: {}, inputs: [readRawRequest(bytes, inputs)], binaryOutput: true };
  }
  const json = readJsonObject(bytes, jsonLength, 'BAD_REQUEST');
  const known = jsonLength === undefined ? undefined : knownRequest(json, bytes, jsonLength, asBlobs);
  if (known) return known;
  const { binary_data_output: binaryOutput, ...parameters } = readParameters(
    json['parameters'],
    'BAD_REQUEST',
  );
  if (binaryOutput !== undefined && typeof binaryOutput !== 'boolean') {
    throw failure('BAD_REQUEST', 'The parameter `binary_data_output` is neither true nor false.');
  }
  const request: InferRequest = {
    parameters,
    inputs: readTensors(json['inputs'], 'inputs', bytes, jsonLength ?? bytes.length, 'BAD_REQUEST'),
    binaryOutput: binaryOutput ?? false,
  };
  const id = readText(json['id'], 'id');
  if (id !== undefined) request.id = id;
  const outputs = readWanted(json['outputs']);
  if (outputs) request.outputs = outputs;
  if (jsonLength !== undefined && isKept(jsonLength, json)) keepRequest(json, request);
  return request;
}

/** Binary unless asked otherwise: a float as JSON takes three times the bytes and a hundred times the time. */
export function encodeInferRequest(
  request: InferRequest,
  { binary = true }: { binary?: boolean } = {},
): Body {
  const blobs: Uint8Array[] = [];
  const parameters = request.binaryOutput
    ? { ...request.parameters, binary_data_output: true }
    : request.parameters;
  const fields = [
    ...head(request.id, parameters),
    `"inputs":[${request.inputs.map((tensor) => writeTensor(tensor, binary, blobs)).join(',')}]`,
  ];
  if (request.outputs) fields.push(`"outputs":${JSON.stringify(request.outputs)}`);
  return joinBody(`{${fields.join(',')}}`, blobs, binary);
}

/** A malformed answer is not its reader's fault: INTERNAL, not BAD_REQUEST. */
export function decodeInferResponse(bytes: Uint8Array, jsonLength: number | undefined): InferResponse {
  const json = readJsonObject(bytes, jsonLength, 'INTERNAL');
  const modelName = json['model_name'];
  if (typeof modelName !== 'string') throw failure('INTERNAL', 'The answer has no `model_name`.');
  const response: InferResponse = {
    modelName,
    outputs: readTensors(json['outputs'], 'outputs', bytes, jsonLength ?? bytes.length, 'INTERNAL'),
  };
  const { model_version: modelVersion, id, parameters } = json;
  if (typeof modelVersion === 'string') response.modelVersion = modelVersion;
  if (typeof id === 'string') response.id = id;
  if (isObject(parameters)) response.parameters = readParameters(parameters, 'INTERNAL');
  return response;
}

/** The wanted outputs in the wanted order, each as JSON or binary as the request has it. `labels`: of the model's classes. */
export function encodeInferResponse(
  response: InferResponse,
  { outputs: wanted, binaryOutput }: Pick<InferRequest, 'outputs' | 'binaryOutput'>,
  labels?: readonly string[],
): Body {
  const plain =
    binaryOutput &&
    wanted === undefined &&
    response.id === undefined &&
    response.parameters === undefined &&
    knownAnswer(response);
  if (plain) return plain;
  const blobs: Uint8Array[] = [];
  let anyBinary = false;
  const texts = choose(response.outputs, wanted).map(({ tensor, parameters }) => {
    const binary = parameters?.['binary_data'] ?? binaryOutput;
    if (typeof binary !== 'boolean') {
      throw failure(
        'BAD_REQUEST',
        `The parameter \`binary_data\` of output ${quote(tensor.name)} is neither true nor false.`,
      );
    }
    anyBinary ||= binary;
    const classes = readClassCount(tensor.name, parameters?.['classification']);
    return writeTensor(classes === undefined ? tensor : classify(tensor, classes, labels), binary, blobs);
  });
  const fields = [`"model_name":${JSON.stringify(response.modelName)}`];
  if (response.modelVersion !== undefined)
    fields.push(`"model_version":${JSON.stringify(response.modelVersion)}`);
  fields.push(...head(response.id, response.parameters ?? {}), `"outputs":[${texts.join(',')}]`);
  const body = joinBody(`{${fields.join(',')}}`, blobs, anyBinary);
  if (plain === undefined) keepAnswer(response, body);
  return body;
}

function choose(
  outputs: Tensor[],
  wanted: WantedOutput[] | undefined,
): { tensor: Tensor; parameters?: Parameters }[] {
  if (!wanted) return outputs.map((tensor) => ({ tensor }));
  return wanted.map(({ name, parameters }) => {
    const tensor = outputs.find((output) => output.name === name);
    if (!tensor) throw failure('BAD_REQUEST', `There is no output ${quote(name)}.`);
    return parameters ? { tensor, parameters } : { tensor };
  });
}

function head(id: string | undefined, parameters: Parameters): string[] {
  const fields = id === undefined ? [] : [`"id":${JSON.stringify(id)}`];
  for (const _ in parameters) return [...fields, `"parameters":${JSON.stringify(parameters)}`];
  return fields;
}

function readWanted(json: Json | undefined): WantedOutput[] | undefined {
  if (json === undefined || json === null) return undefined;
  if (!Array.isArray(json)) throw failure('BAD_REQUEST', '`outputs` is no list.');
  if (json.length === 0) return undefined; // what clients send that want no choice
  const names = new Set<string>();
  return json.map((entry) => {
    if (!isObject(entry)) throw failure('BAD_REQUEST', 'An entry of `outputs` is no object.');
    const name = readName(entry, 'outputs', names, 'BAD_REQUEST');
    const parameters = readParameters(entry['parameters'], 'BAD_REQUEST');
    if (parameters['shared_memory_region'] !== undefined) {
      throw failure('UNSUPPORTED', `Output ${quote(name)} is wanted in shared memory, which is not offered.`);
    }
    readClassCount(name, parameters['classification']);
    const { binary_data: binary } = parameters;
    if (binary !== undefined && typeof binary !== 'boolean') {
      throw failure(
        'BAD_REQUEST',
        `The parameter \`binary_data\` of output ${quote(name)} is neither true nor false.`,
      );
    }
    return entry['parameters'] === undefined ? { name } : { name, parameters };
  });
}

function readText(json: Json | undefined, what: string): string | undefined {
  if (json === undefined || json === null) return undefined;
  if (typeof json !== 'string') throw failure('BAD_REQUEST', `\`${what}\` is no text.`);
  return json;
}
