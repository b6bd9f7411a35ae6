// The statistics extension of the protocol: what all replicas of a version did, in every region, as one entry. Shards count, this
// asks them and adds up; a replica that moved to another engine starts from nothing, as a restarted server does.
import { failure } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import {
  type ModelStatistics,
  type ReplicaStatistics,
  StatisticsReply,
  sumStatistics,
} from '../../contracts/statistics.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import { errorFields, type Log } from '../mesh/log.js';
import { variantNamed } from './metadata.js';

export interface StatisticsEntry extends ModelStatistics {
  name: string;
  version: string;
  /** Of models that answer once there are none. */
  response_stats: Record<string, never>;
}

const SHARD_TIMEOUT_MS = 1_000;

export class StatisticsCollector {
  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
    private readonly shards: () => readonly string[],
  ) {}

  /** One entry a variant of each endpoint; of one version when it is named. */
  async of(
    endpoints: readonly EndpointRecord[],
    version: string | undefined,
  ): Promise<{ model_stats: StatisticsEntry[] }> {
    const wanted = endpoints.flatMap((endpoint) =>
      (version === undefined ? endpoint.variants : [variantNamed(endpoint, version)]).map((variant) => ({
        endpoint,
        variant,
      })),
    );
    const models = new Set(endpoints.map(({ model }) => model));
    const [only] = models.size === 1 ? models : [];
    const counted = byVersion(await this.ask(only));
    return {
      model_stats: wanted.map(({ endpoint, variant }) => ({
        name: endpoint.name,
        version: variant.label,
        ...sumStatistics(counted.get(variant.version) ?? []),
        response_stats: {},
      })),
    };
  }

  /** A shard that does not answer is missing from the sums; when none does, that is a failure. */
  private async ask(model: string | undefined): Promise<ReplicaStatistics[]> {
    const shards = this.shards();
    const asked = shards.map((shard) =>
      this.bus.request(subjects.shardControl(shard, 'statistics'), StatisticsReply, model ? { model } : {}, {
        timeoutMs: SHARD_TIMEOUT_MS,
      }),
    );
    const heard = await Promise.allSettled(asked);
    const answers: ReplicaStatistics[] = [];
    for (const [index, one] of heard.entries())
      if (one.status === 'fulfilled') answers.push(...one.value.replicas);
      else this.log.warn('statistics.shard.silent', { shard: shards[index], ...errorFields(one.reason) });
    if (heard.length > 0 && heard.every(({ status }) => status === 'rejected'))
      throw failure('UNAVAILABLE', `None of the ${shards.length} shards told its statistics.`);
    return answers;
  }
}

function byVersion(replicas: readonly ReplicaStatistics[]): Map<Digest, ModelStatistics[]> {
  const all = new Map<Digest, ModelStatistics[]>();
  for (const { version, statistics } of replicas) all.set(version, [...(all.get(version) ?? []), statistics]);
  return all;
}
