// GRPCInferenceService: what the REST door says under /v2, said in messages.
import { create } from '@bufbuild/protobuf';
import type { Bus } from '../../mesh/bus.js';
import { VERSION } from '../../mesh/version.js';
import type { Directory } from '../directory.js';
import { EXTENSIONS } from '../metadata.js';
import type { GrpcCalls } from './grpc-calls.js';
import { inferStream } from './infer-stream.js';
import {
  GRPCInferenceService,
  ModelMetadataResponseSchema,
  ModelReadyResponseSchema,
  RepositoryIndexResponseSchema,
  ServerLiveResponseSchema,
  ServerMetadataResponseSchema,
  ServerReadyResponseSchema,
} from './proto/open_inference_grpc_pb.js';
import { type Rpc, unary } from './rpc.js';

const rpc = GRPCInferenceService.method;

export function inferenceService(directory: Directory, calls: GrpcCalls, bus: Bus): Rpc[] {
  return [
    unary(rpc.serverLive, () => create(ServerLiveResponseSchema, { live: true })),
    unary(rpc.serverReady, () => create(ServerReadyResponseSchema, { ready: bus.connected() })),
    unary(rpc.serverMetadata, () =>
      create(ServerMetadataResponseSchema, { name: 'massif', version: VERSION, extensions: [...EXTENSIONS] }),
    ),
    unary(rpc.modelReady, ({ name, version }) =>
      create(ModelReadyResponseSchema, { ready: directory.ready(name, version || undefined) }),
    ),
    unary(rpc.modelMetadata, async (asked) => {
      const metadata = await directory.metadata(asked.name, asked.version || undefined);
      const { name, versions, platform } = metadata;
      const [inputs, outputs] = [metadata.inputs, metadata.outputs].map((tensors) =>
        tensors.map((tensor) => ({ ...tensor, shape: tensor.shape.map(BigInt) })),
      );
      return create(ModelMetadataResponseSchema, {
        name,
        versions,
        platform,
        inputs: inputs ?? [],
        outputs: outputs ?? [],
      });
    }),
    unary(rpc.modelInfer, (request, call, bytes) => calls.serve(request, bytes, call)),
    inferStream(calls),
    unary(rpc.repositoryIndex, ({ ready }) =>
      create(RepositoryIndexResponseSchema, { models: directory.index(ready) }),
    ),
  ];
}
