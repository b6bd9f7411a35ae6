// A model's configuration and statistics as messages: what the REST door says in JSON, with Triton's field numbers.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Duration } from '../../../contracts/statistics.js';
import type { ModelConfig } from '../model-config.js';
import type { StatisticsEntry } from '../model-statistics.js';
import { DataType, ModelInstanceGroup_Kind as Kind } from './proto/model_config_pb.js';
import {
  type ModelConfigResponse,
  ModelConfigResponseSchema,
  type ModelRepositoryParameter,
  type ModelStatisticsResponse,
  ModelStatisticsResponseSchema,
  type StatisticDurationSchema,
} from './proto/open_inference_grpc_pb.js';

export function configMessage(config: ModelConfig): ModelConfigResponse {
  const tensor = ({
    name,
    data_type: type,
    dims,
    label_filename: labelFilename = '',
  }: ModelConfig['output'][number]) => ({
    name,
    dataType: DataType[type as keyof typeof DataType],
    dims: dims.map(BigInt),
    labelFilename,
  });
  return create(ModelConfigResponseSchema, {
    config: {
      name: config.name,
      platform: config.platform,
      backend: config.backend,
      versionPolicy: { policyChoice: { case: 'all', value: {} } },
      maxBatchSize: config.max_batch_size,
      input: config.input.map(tensor),
      output: config.output.map(tensor),
      ...(config.dynamic_batching && { schedulingChoice: { case: 'dynamicBatching', value: {} } }),
      instanceGroup: config.instance_group.map(({ name, count }) => ({ name, count, kind: Kind.AUTO })),
      defaultModelFilename: config.default_model_filename,
      parameters: Object.fromEntries(
        Object.entries(config.parameters).map(([key, { string_value: stringValue }]) => [
          key,
          { stringValue },
        ]),
      ),
      modelTransactionPolicy: config.model_transaction_policy,
    },
  });
}

export function statisticsMessage(entries: readonly StatisticsEntry[]): ModelStatisticsResponse {
  return create(ModelStatisticsResponseSchema, {
    modelStats: entries.map((entry) => ({
      name: entry.name,
      version: entry.version,
      lastInference: BigInt(entry.last_inference),
      inferenceCount: BigInt(entry.inference_count),
      executionCount: BigInt(entry.execution_count),
      inferenceStats: {
        success: duration(entry.inference_stats.success),
        fail: duration(entry.inference_stats.fail),
        queue: duration(entry.inference_stats.queue),
        computeInput: duration(entry.inference_stats.compute_input),
        computeInfer: duration(entry.inference_stats.compute_infer),
        computeOutput: duration(entry.inference_stats.compute_output),
        cacheHit: duration(entry.inference_stats.cache_hit),
        cacheMiss: duration(entry.inference_stats.cache_miss),
      },
      batchStats: entry.batch_stats.map((batch) => ({
        batchSize: BigInt(batch.batch_size),
        computeInput: duration(batch.compute_input),
        computeInfer: duration(batch.compute_infer),
        computeOutput: duration(batch.compute_output),
      })),
      memoryUsage: entry.memory_usage.map(({ type, id, byte_size: bytes }) => ({
        type,
        id: BigInt(id),
        byteSize: BigInt(bytes),
      })),
    })),
  });
}

const duration = ({ count, ns }: Duration): MessageInitShape<typeof StatisticDurationSchema> => ({
  count: BigInt(count),
  ns: BigInt(ns),
});

/** Parameters of load and unload as the REST door reads them. */
export const controlParameters = (
  given: Readonly<Record<string, ModelRepositoryParameter>>,
): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).map(([key, { parameterChoice }]) => [key, parameterChoice.value]));
