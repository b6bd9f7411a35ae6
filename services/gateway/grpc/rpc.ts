// A method of a generated service as grpc-js wants it. Messages are read here and not by grpc-js, which would call a malformed one
// a fault of ours; what a handler throws becomes a coded status.
import {
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  Metadata,
  type MethodDefinition,
  type sendUnaryData,
  type ServerUnaryCall,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { Failure, failure, toFailure } from '../../../contracts/errors.js';
import { grpcFailure } from './grpc-failure.js';

/** What is known of a call beside its message. */
export interface GrpcCall {
  readonly metadata: Metadata;
  /** Milliseconds since 1970; Infinity: none was sent. */
  readonly deadline: number;
  /** Aborts when the caller goes away. */
  readonly gone: AbortSignal;
  /** Sent after the answer, whatever it is. */
  readonly trailer: Metadata;
}

export interface Rpc {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly handler: UntypedHandleCall;
}

/** For servers, requests stay bytes until `readMessage`. */
export function definitionOf(method: DescMethod): MethodDefinition<unknown, unknown> {
  const { methodKind: kind, input, output, parent, name } = method;
  const write = (schema: DescMessage) => (message: unknown) => {
    const bytes = toBinary(schema, message as MessageShape<DescMessage>);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  return {
    path: `/${parent.typeName}/${name}`,
    requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
    responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
    requestSerialize: write(input),
    requestDeserialize: (bytes) => bytes,
    responseSerialize: write(output),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

export function readMessage<I extends DescMessage>(schema: I, bytes: Uint8Array): MessageShape<I> {
  try {
    checkFields(bytes);
    return fromBinary(schema, bytes);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw failure('BAD_REQUEST', `This is no ${schema.typeName} as we read it.`, {}, error);
  }
}

/** An empty tensor is two bytes on the wire and hundreds in memory, so fields are counted before any is made. */
function checkFields(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  for (let fields = 0; reader.pos < reader.len; fields++) {
    if (fields === FIELDS_MAX)
      throw failure('TOO_LARGE', `The message has more than ${FIELDS_MAX} fields: send fewer tensors.`);
    const [number, wireType] = reader.tag();
    reader.skip(wireType, number);
  }
}
// More tensors, wanted outputs and parameters than any model has.
const FIELDS_MAX = 10_000;

export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (
    request: MessageShape<I>,
    call: GrpcCall,
    bytes: number,
  ) => MessageShape<O> | Promise<MessageShape<O>>,
): Rpc {
  const handler = (call: ServerUnaryCall<Buffer, unknown>, reply: sendUnaryData<unknown>): void => {
    const facts = factsOf(call);
    void (async () => answer(readMessage(method.input, call.request), facts, call.request.length))().then(
      (message) => reply(null, message, facts.trailer),
      (error: unknown) => reply(grpcFailure(toFailure(error), facts.trailer)),
    );
  };
  return { definition: definitionOf(method), handler: handler as UntypedHandleCall };
}

interface Surface {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  on(event: 'cancelled', call: () => void): unknown;
}

export function factsOf(call: Surface): GrpcCall {
  const gone = new AbortController();
  if (call.cancelled) gone.abort();
  call.on('cancelled', () => gone.abort());
  return {
    metadata: call.metadata,
    deadline: Number(call.getDeadline()),
    gone: gone.signal,
    trailer: new Metadata(),
  };
}
