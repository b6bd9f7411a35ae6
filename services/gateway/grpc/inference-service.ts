// GRPCInferenceService: what the REST door says under /v2, said in messages.
import { create } from '@bufbuild/protobuf';
import type { Bus } from '../../mesh/bus.js';
import { VERSION } from '../../mesh/version.js';
import type { Directory } from '../directory.js';
import type { ModelControl } from '../model-control.js';
import type { GrpcCalls } from './grpc-calls.js';
import type { Visitors } from './guarded.js';
import { inferStream } from './infer-stream.js';
import { configMessage, controlParameters, statisticsMessage } from './model-messages.js';
import {
  GRPCInferenceService,
  ModelMetadataResponseSchema,
  ModelReadyResponseSchema,
  RepositoryIndexResponseSchema,
  RepositoryModelLoadResponseSchema,
  RepositoryModelUnloadResponseSchema,
  ServerLiveResponseSchema,
  ServerMetadataResponseSchema,
  ServerReadyResponseSchema,
} from './proto/open_inference_grpc_pb.js';
import { type Rpc, unary } from './rpc.js';

const rpc = GRPCInferenceService.method;

export interface InferenceParts {
  readonly directory: Directory;
  readonly control: ModelControl;
  readonly extensions: readonly string[];
  readonly bus: Bus;
  readonly visitors: Visitors;
}

export function inferenceService(parts: InferenceParts, calls: GrpcCalls): Rpc[] {
  const { directory, control, extensions, bus, visitors } = parts;
  return [
    unary(rpc.serverLive, () => create(ServerLiveResponseSchema, { live: true })),
    unary(rpc.serverReady, () => create(ServerReadyResponseSchema, { ready: bus.connected() })),
    unary(rpc.serverMetadata, () =>
      create(ServerMetadataResponseSchema, { name: 'massif', version: VERSION, extensions: [...extensions] }),
    ),
    unary(rpc.modelReady, ({ name, version }, call) => {
      visitors.check(call, name);
      return create(ModelReadyResponseSchema, { ready: directory.ready(name, version || undefined) });
    }),
    unary(rpc.modelMetadata, async (asked, call) => {
      visitors.check(call, asked.name);
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
    unary(rpc.modelConfig, async ({ name, version }, call) => {
      visitors.check(call, name);
      return configMessage(await directory.config(name, version || undefined));
    }),
    unary(rpc.modelStatistics, async ({ name, version }) => {
      const { model_stats: entries } = await directory.statistics(name || undefined, version || undefined);
      return statisticsMessage(entries);
    }),
    unary(rpc.repositoryIndex, async ({ ready }) =>
      create(RepositoryIndexResponseSchema, { models: await directory.index(ready) }),
    ),
    unary(rpc.repositoryModelLoad, async ({ modelName, parameters }, { gone }) => {
      await control.load(modelName, controlParameters(parameters), gone);
      return create(RepositoryModelLoadResponseSchema);
    }),
    unary(rpc.repositoryModelUnload, async ({ modelName, parameters }, { gone }) => {
      await control.unload(modelName, controlParameters(parameters), gone);
      return create(RepositoryModelUnloadResponseSchema);
    }),
  ];
}
