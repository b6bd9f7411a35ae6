// Reflection as gRPC has it (v1, and the same bytes as v1alpha): tools that speak it need none of our .proto files. A small one of
// our own, since the library of gRPC wants descriptors in the form of another protobuf runtime than ours.
import { create, type DescFile, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { type ServerDuplexStream, status, type UntypedHandleCall } from '@grpc/grpc-js';
import { toFailure } from '../../../contracts/errors.js';
import { quote } from '../../../contracts/quote.js';
import { grpcFailure } from './grpc-failure.js';
import { file_health } from './proto/health_pb.js';
import { file_open_inference_grpc } from './proto/open_inference_grpc_pb.js';
import {
  file_reflection,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from './proto/reflection_pb.js';
import { definitionOf, readMessage, type Rpc } from './rpc.js';

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

const FILES: readonly DescFile[] = [file_open_inference_grpc, file_health, file_reflection].flatMap(
  withImports,
);
const ALPHA = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';

export function reflectionService(): Rpc[] {
  const definition = definitionOf(ServerReflection.method.serverReflectionInfo);
  const handler = (stream: ServerDuplexStream<Buffer, ServerReflectionResponse>): void => {
    stream.on('data', (bytes: Buffer) => {
      try {
        const request = readMessage(ServerReflectionRequestSchema, bytes);
        stream.write(
          create(ServerReflectionResponseSchema, {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(request),
          }),
        );
      } catch (error) {
        stream.emit('error', grpcFailure(toFailure(error)));
      }
    });
    stream.on('end', () => stream.end());
  };
  return [definition, { ...definition, path: ALPHA }].map((one) => ({
    definition: one,
    handler: handler as UntypedHandleCall,
  }));
}

function answer({ messageRequest: { case: kind, value } }: ServerReflectionRequest): Answer {
  switch (kind) {
    case 'listServices':
      return {
        case: 'listServicesResponse',
        value: { service: FILES.flatMap(({ services }) => services.map(({ typeName: name }) => ({ name }))) },
      };
    case 'fileByFilename':
      return file(value, ({ proto }) => proto.name === value);
    case 'fileContainingSymbol':
      return file(value, (one) => symbolsOf(one).has(value));
    case 'allExtensionNumbersOfType':
      return { case: 'allExtensionNumbersResponse', value: { baseTypeName: value } };
    case 'fileContainingExtension':
      return notFound(`extension ${value.extensionNumber} of ${value.containingType}`);
    case undefined:
      return {
        case: 'errorResponse',
        value: { errorCode: status.INVALID_ARGUMENT, errorMessage: 'The request asks for nothing.' },
      };
  }
}

function file(name: string, wanted: (file: DescFile) => boolean): Answer {
  const found = FILES.find(wanted);
  if (!found) return notFound(name);
  return {
    case: 'fileDescriptorResponse',
    value: {
      fileDescriptorProto: withImports(found).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)),
    },
  };
}

const notFound = (name: string): Answer => ({
  case: 'errorResponse',
  value: { errorCode: status.NOT_FOUND, errorMessage: `Nothing here is called ${quote(name)}.` },
});

function withImports(file: DescFile): DescFile[] {
  return [file, ...file.dependencies.flatMap(withImports)];
}

/** Fully qualified, without the leading dot: services, their methods, messages and enums. */
function symbolsOf(file: DescFile): Set<string> {
  const nested = (message: DescMessage): string[] => [
    message.typeName,
    ...message.nestedMessages.flatMap(nested),
    ...message.nestedEnums.map(({ typeName }) => typeName),
  ];
  return new Set([
    ...file.services.flatMap(({ typeName, methods }) => [
      typeName,
      ...methods.map(({ name }) => `${typeName}.${name}`),
    ]),
    ...file.messages.flatMap(nested),
    ...file.enums.map(({ typeName }) => typeName),
  ]);
}
