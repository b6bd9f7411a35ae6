// Users that are answered by one shard: set and taken away. The shard itself is asked whether it is there and may hold the endpoint; what
// is written is part of the endpoint's record, so that routers have it in the same step as everything else.
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import {
  type DeployReply,
  type EndpointRecord,
  type PinRequest,
  PINS_MAX,
} from '../../contracts/registry.js';
import { replicaMemory } from '../mesh/placement/replica-memory.js';
import { poolFor } from '../mesh/routing/seat-rules.js';
import type { CatalogParts } from './catalog.js';
import { mayLie } from '../mesh/placement/may-lie.js';
import { MEMORY_SHARE_MAX, type MemoryOf } from '../mesh/placement/shard-view.js';

export interface PinsParts extends Pick<CatalogParts, 'log' | 'state' | 'clock'> {
  /** Undefined when nobody of that name answers. */
  readonly inspect: (shard: string) => Promise<Heartbeat | undefined>;
}

export class Pins {
  constructor(private readonly parts: PinsParts) {}

  async pin({ endpoint: name, user, shard }: PinRequest): Promise<DeployReply> {
    const { log, state, clock, inspect } = this.parts;
    const found = shard === null ? undefined : await inspect(shard);
    if (shard !== null && !found)
      throw failure('PLACEMENT_REFUSED', `Pin: "${shard}" is no shard that answers.`, {
        endpoint: name,
        constraint: 'pin',
      });
    return log.transact(() => {
      const current = state.endpoints.get(name);
      if (!current) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint "${name}".`, { endpoint: name });
      const { pins: before = {}, ...rest } = current;
      const { [user]: _before, ...others } = before;
      const pins = shard === null ? others : { ...others, [user]: shard };
      if (found)
        checkPin(rest, found, (digest) => {
          const version = state.version(digest);
          return version && replicaMemory(version.resources);
        });
      if (Object.keys(pins).length > PINS_MAX)
        throw failure('TOO_LARGE', `"${name}" has ${PINS_MAX} pins, as many as an endpoint may have.`);
      const endpoint: EndpointRecord = {
        ...rest,
        ...(Object.keys(pins).length > 0 && { pins }),
        updatedAt: new Date(clock.now()).toISOString(),
      };
      return { change: { key: keys.endpoint(name), value: endpoint }, result: { endpoint } };
    });
  }
}

/** Throws PLACEMENT_REFUSED with the constraint that the shard does not meet. */
export function checkPin(
  endpoint: Pick<EndpointRecord, 'name' | 'placement' | 'variants'>,
  { shard, region, device }: Pick<Heartbeat, 'shard' | 'region' | 'device'>,
  memoryOf: MemoryOf,
): void {
  const { name, placement, variants } = endpoint;
  const refuse = (constraint: string, message: string) =>
    failure('PLACEMENT_REFUSED', message, { endpoint: name, constraint });
  if (placement?.regions && !placement.regions.includes(region))
    throw refuse(
      'residency',
      `Residency: "${name}" lies in ${placement.regions.join(', ')} only, and ${shard} is in ${region}.`,
    );
  if (!mayLie(endpoint, { id: shard, region, state: 'open', device, ready: new Set() }))
    throw refuse(
      'pool',
      `Pool or device: ${shard} (${device.kind}, ${device.pool ? `pool ${device.pool}` : 'no pool'}) may not hold "${name}".`,
    );
  if (poolFor(endpoint, undefined) !== device.pool && !placement?.pools)
    throw refuse('pool', `Pool: ${shard} is kept for others than the users of "${name}".`);
  const bytes = Math.max(0, ...variants.map(({ version }) => memoryOf(version) ?? 0));
  if (bytes > device.memoryBytes * MEMORY_SHARE_MAX)
    throw refuse(
      'memory',
      `Memory: a replica of "${name}" takes ${bytes} bytes, and ${shard} gives ${Math.floor(device.memoryBytes * MEMORY_SHARE_MAX)}.`,
    );
}
