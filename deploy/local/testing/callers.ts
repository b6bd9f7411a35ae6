// One way to call for each door, all with the same result, so that answers can be held against each other byte for byte.
import { gunzipSync } from 'node:zlib';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { type MassifClient, Failure } from '../../../client/mod.js';
import { headers } from '../../../contracts/headers.js';
import {
  type Body,
  decodeInferResponse,
  type InferRequest,
  type WantedOutput,
} from '../../../contracts/infer-body.js';
import { subjects } from '../../../contracts/subjects.js';
import { type Tensor, toBlob } from '../../../contracts/tensor.js';
import {
  GRPCInferenceService,
  type ModelInferRequest,
  ModelInferRequestSchema,
  type ModelInferResponse,
  type ModelStreamInferResponse,
} from '../../../services/gateway/grpc/proto/open_inference_grpc_pb.js';
import { writeParameters } from '../../../services/gateway/grpc/parameters.js';
import { definitionOf } from '../../../services/gateway/grpc/rpc.js';
import { hasContents, writeContents } from '../../../services/gateway/grpc/tensor-contents.js';

/** What came back, in a form that is equal exactly when the bytes are. */
export interface Heard {
  /** HTTP's, gRPC's or NATS' own number. */
  readonly status: number;
  readonly code?: string;
  readonly id?: string;
  readonly version?: string;
  readonly outputs?: readonly string[];
  /** As it came, in hex, where the door has a body. */
  readonly body?: string;
}

export interface Target {
  readonly model: string;
  readonly version?: string;
}

/** Name, datatype, shape and the hex of the binary form. */
export const shown = ({ name, datatype, shape, data }: Tensor): string =>
  `${name} ${datatype} [${shape.join(',')}] ${Buffer.from(toBlob(data)).toString('hex')}`;

export class Callers {
  private readonly grpc: Client;

  constructor(
    private readonly restUrl: string,
    private readonly nc: NatsConnection,
    grpcTarget: string,
    private readonly client: MassifClient,
  ) {
    this.grpc = new Client(grpcTarget, credentials.createInsecure());
  }

  close(): void {
    this.grpc.close();
  }

  async rest({ model, version }: Target, body: Body, sent: Record<string, string> = {}): Promise<Heard> {
    const path = `${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${encodeURIComponent(version)}`}`;
    const answer = await fetch(`${this.restUrl}/v2/models/${path}/infer`, {
      method: 'POST',
      body: Buffer.from(body.bytes),
      headers: { ...lengthOf(body), ...sent },
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (answer.status !== 200) return { status: answer.status, ...codeIn(bytes) };
    const length = answer.headers.get(headers.jsonLength);
    return decoded(answer.status, bytes, length === null ? undefined : Number(length));
  }

  async nats({ model, version }: Target, body: Body, sent: Record<string, string> = {}): Promise<Heard> {
    const written = natsHeaders();
    for (const [key, value] of Object.entries({ ...lengthOf(body), ...sent })) written.set(key, value);
    const subject = version === undefined ? subjects.infer(model) : subjects.inferVersion(model, version);
    const answer = await this.nc.request(subject, body.bytes, { timeout: 10_000, headers: written });
    const status = Number(answer.headers?.get(headers.errorStatus) || 200);
    if (status !== 200) return { status, ...codeIn(answer.data) };
    const length = answer.headers?.get(headers.jsonLength);
    return decoded(status, answer.data, length ? Number(length) : undefined);
  }

  /** Typed contents, or raw ones. */
  grpcInfer(
    target: Target,
    request: InferRequest,
    raw: boolean,
    sent: Record<string, string> = {},
  ): Promise<Heard> {
    return this.grpcSend(
      create(ModelInferRequestSchema, {
        modelName: target.model,
        modelVersion: target.version ?? '',
        id: request.id ?? '',
        parameters: writeParameters(request.parameters),
        inputs: request.inputs.map((tensor) => ({
          name: tensor.name,
          datatype: tensor.datatype,
          shape: tensor.shape.map(BigInt),
          ...(raw || !hasContents(tensor.datatype) ? {} : { contents: writeContents(tensor) }),
        })),
        outputs: (request.outputs ?? []).map(({ name, parameters = {} }: WantedOutput) => ({
          name,
          parameters: writeParameters(parameters),
        })),
        rawInputContents: raw ? request.inputs.map(({ data }) => toBlob(data)) : [],
      }),
      sent,
    );
  }

  grpcSend(message: ModelInferRequest, sent: Record<string, string> = {}): Promise<Heard> {
    const { path, requestSerialize, responseDeserialize } = definitionOf(
      GRPCInferenceService.method.modelInfer,
    );
    return new Promise((resolve) => {
      const settle = (error: ServiceError | null, answer: unknown) =>
        resolve(error ? refused(error) : answered(answer as ModelInferResponse));
      this.grpc.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        Metadata.fromHttp2Headers(sent),
        settle,
      );
    });
  }

  async grpcUnary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const { path, requestSerialize: write, responseDeserialize: read } = definitionOf(method);
    return new Promise((resolve, reject) => {
      this.grpc.makeUnaryRequest(path, write, read, create(method.input, message), (error, answer) =>
        error ? reject(error) : resolve(answer as MessageShape<O>),
      );
    });
  }

  grpcStream(
    messages: readonly MessageInitShape<typeof ModelInferRequestSchema>[],
  ): Promise<ModelStreamInferResponse[]> {
    const { path, requestSerialize, responseDeserialize } = definitionOf(
      GRPCInferenceService.method.modelStreamInfer,
    );
    const stream = this.grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const heard: ModelStreamInferResponse[] = [];
    stream.on('data', (answer: ModelStreamInferResponse) => void heard.push(answer));
    for (const message of messages) stream.write(create(ModelInferRequestSchema, message));
    stream.end();
    return new Promise((resolve, reject) => stream.on('end', () => resolve(heard)).on('error', reject));
  }

  /** What the client cannot say (an id of the protocol's own) is left out. */
  async library({ model, version }: Target, { inputs, outputs, parameters }: InferRequest): Promise<Heard> {
    try {
      const answer = await this.client.infer(
        model,
        Object.fromEntries(inputs.map(({ name, ...tensor }) => [name, tensor])),
        {
          parameters,
          ...(version === undefined ? {} : { version }),
          ...(outputs ? { outputs: outputs.map(({ name }) => name) } : {}),
        },
      );
      return {
        status: 200,
        version: answer.modelVersion,
        outputs: Object.values(answer.outputs).map(shown),
      };
    } catch (error) {
      if (error instanceof Failure) return { status: error.http, code: error.code };
      throw error;
    }
  }
}

const lengthOf = ({ jsonLength }: Body): Record<string, string> =>
  jsonLength === undefined ? {} : { [headers.jsonLength]: String(jsonLength) };

const codeIn = (bytes: Uint8Array): { code: string } => {
  const { code } = JSON.parse(Buffer.from(bytes).toString()) as { code: string };
  return { code };
};

function decoded(status: number, bytes: Uint8Array, jsonLength: number | undefined): Heard {
  const body = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  const { id, modelVersion, outputs } = decodeInferResponse(body, jsonLength);
  return {
    status,
    ...(id === undefined ? {} : { id }),
    ...(modelVersion === undefined ? {} : { version: modelVersion }),
    outputs: outputs.map(shown),
    body: Buffer.from(body).toString('hex'),
  };
}

const refused = (error: ServiceError): Heard => ({
  status: error.code,
  code: String(error.metadata.get(headers.errorCode.toLowerCase())[0]),
});

function answered({ id, modelVersion, outputs, rawOutputContents: raw }: ModelInferResponse): Heard {
  return {
    status: 200,
    ...(id === '' ? {} : { id }),
    version: modelVersion,
    outputs: outputs.map(({ name, datatype, shape, contents }, index) => {
      const blob = raw[index];
      const typed =
        contents && Object.values(contents).find((field) => Array.isArray(field) && field.length > 0);
      const hex = blob
        ? Buffer.from(blob).toString('hex')
        : typedHex(datatype, (typed as unknown[] | undefined) ?? []);
      return `${name} ${datatype} [${shape.join(',')}] ${hex}`;
    }),
  };
}

/** The elements of typed contents in their binary form, written here anew: the door's own code is what is under test. */
function typedHex(datatype: string, elements: readonly unknown[]): string {
  const parts = elements.map((element) => {
    const bytes = Buffer.alloc(8);
    switch (datatype) {
      case 'BOOL':
        return Buffer.from([element === true ? 1 : 0]);
      case 'BYTES': {
        const length = Buffer.alloc(4);
        length.writeUInt32LE((element as Uint8Array).length);
        return Buffer.concat([length, element as Uint8Array]);
      }
      case 'INT64':
        bytes.writeBigInt64LE(element as bigint);
        return bytes;
      case 'UINT64':
        bytes.writeBigUInt64LE(element as bigint);
        return bytes;
      case 'FP32':
        bytes.writeFloatLE(element as number);
        return bytes.subarray(0, 4);
      case 'FP64':
        bytes.writeDoubleLE(element as number);
        return bytes;
      default: {
        const size = Number(/\d+$/.exec(datatype)?.[0]) / 8;
        if (datatype.startsWith('U')) bytes.writeUIntLE(element as number, 0, size);
        else bytes.writeIntLE(element as number, 0, size);
        return bytes.subarray(0, size);
      }
    }
  });
  return Buffer.concat(parts).toString('hex');
}
