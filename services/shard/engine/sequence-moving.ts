// The state of a sequence as bytes on its way to another engine, and back. The tensors travel as inputs of the protocol's body,
// whose lengths are checked as they are read; a digest of the whole stands beside it.
import { failure } from '../../../contracts/errors.js';
import { MovedSequence } from '../../../contracts/holders.js';
import { type Body, decodeInferRequest, encodeInferRequest } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import { LiveSequence, type StepAnswer } from './sequence.js';

const ANSWER = '#answer';

/** Without the last answer when it is too large with it: a repetition of that step is then refused instead of answered. */
export function packSequence(sequence: LiveSequence, bytesMax: number): Body | undefined {
  const whole = pack(sequence, sequence.answer);
  if (whole.bytes.length <= bytesMax) return whole;
  const bare = pack(sequence, undefined);
  return bare.bytes.length <= bytesMax ? bare : undefined;
}

function pack(sequence: LiveSequence, kept: StepAnswer | undefined): Body {
  const answer = kept?.body;
  const { endpoint, id, steps, ended, requests } = sequence;
  const moved: MovedSequence = {
    endpoint,
    id,
    steps,
    ended,
    requests,
    ...(answer?.jsonLength === undefined ? {} : { answerJsonLength: answer.jsonLength }),
    ...(kept?.goesTo === undefined ? {} : { answerStep: kept.goesTo }),
  };
  const inputs: Tensor[] = ended ? [] : [...sequence.state];
  if (answer)
    inputs.push({ name: ANSWER, datatype: 'UINT8', shape: [answer.bytes.length], data: answer.bytes });
  // Always binary, so that the numbers come out as they went in.
  if (inputs.length === 0)
    inputs.push({ name: '#nothing', datatype: 'UINT8', shape: [0], data: new Uint8Array() });
  return encodeInferRequest({ parameters: { sequence: JSON.stringify(moved) }, inputs, binaryOutput: false });
}

/** Throws BAD_REQUEST for what is no state of this model. */
export function unpackSequence(
  { bytes, jsonLength }: Body,
  expected: readonly TensorSpec[],
  key: (endpoint: string, id: string) => string,
  nowMs: number,
): LiveSequence {
  const { parameters, inputs } = decodeInferRequest(bytes, jsonLength);
  const moved = readMoved(parameters['sequence']);
  const state = moved.ended ? [] : expected.map((spec) => stateTensor(spec, inputs));
  const sequence = new LiveSequence(key(moved.endpoint, moved.id), moved.endpoint, moved.id, state, nowMs);
  sequence.steps = moved.steps;
  sequence.ended = moved.ended;
  sequence.requests = moved.requests;
  const answer = inputs.find(({ name }) => name === ANSWER);
  if (answer)
    sequence.answer = {
      body: { bytes: (answer.data as Uint8Array).slice(), jsonLength: moved.answerJsonLength },
      goesTo: moved.answerStep,
    };
  return sequence;
}

function readMoved(text: unknown): MovedSequence {
  let json: unknown;
  try {
    json = JSON.parse(String(text));
  } catch {
    json = undefined;
  }
  const parsed = MovedSequence.safeParse(json);
  if (parsed.success) return parsed.data;
  throw failure('BAD_REQUEST', 'This is no state of a sequence.', {}, parsed.error);
}

function stateTensor(spec: TensorSpec, inputs: readonly Tensor[]): Tensor {
  const found = inputs.find(({ name }) => name === spec.name);
  const agrees =
    found?.datatype === spec.datatype &&
    found.shape.length === spec.shape.length &&
    spec.shape.every((size, axis) => size === -1 || size === found.shape[axis]);
  if (!found || !agrees)
    throw failure('BAD_REQUEST', `The state brings no "${spec.name}" as this version declares it.`);
  // What was read is a view of the message.
  return { ...found, data: (found.data as Float32Array).slice() };
}
