// Parameters of a gRPC message as the protocol's JSON has them, and back.
import { create } from '@bufbuild/protobuf';
import { failure } from '../../../contracts/errors.js';
import type { Parameter } from '../../../contracts/infer-body.js';
import { quote } from '../../../contracts/quote.js';
import { type InferParameter, InferParameterSchema } from './proto/open_inference_grpc_pb.js';

export function readParameters(given: Readonly<Record<string, InferParameter>>): Record<string, Parameter> {
  return Object.fromEntries(
    Object.entries(given).map(([key, { parameterChoice }]) => [key, readValue(key, parameterChoice)]),
  );
}

function readValue(key: string, { case: kind, value }: InferParameter['parameterChoice']): Parameter {
  if (kind === undefined) throw failure('BAD_REQUEST', `Parameter ${quote(key)} has no value.`);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw failure('BAD_REQUEST', `Parameter ${quote(key)} is no finite number.`);
  if (typeof value !== 'bigint') return value;
  // A sequence id may be any 64-bit integer; as a text it stays exact.
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Truth value, integer or text: other implementations know no more. */
export function writeParameters(given: Readonly<Record<string, Parameter>>): Record<string, InferParameter> {
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      key,
      create(InferParameterSchema, { parameterChoice: writeValue(value) }),
    ]),
  );
}

function writeValue(value: Parameter): InferParameter['parameterChoice'] {
  if (typeof value === 'boolean') return { case: 'boolParam', value };
  if (Number.isSafeInteger(value)) return { case: 'int64Param', value: BigInt(value) };
  return { case: 'stringParam', value: String(value) };
}
