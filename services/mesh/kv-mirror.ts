// The buckets of a mesh: written in the home region, mirrored into the others, where reads are local and writes go home through
// the mirror. Each bucket is named after the region it lies in. Services open them here at start-up.
import type { KV, KvOptions } from '@nats-io/kv';
import { nanos } from '@nats-io/transport-node';
import type { ObjectStore } from '@nats-io/obj';
import { BODIES_BYTES_MAX, BODIES_TTL_MS, buckets, UPLOAD_TTL_MS } from '../../contracts/buckets.js';
import type { Bus } from './bus.js';
import { type Clock, systemClock } from './clock.js';

export interface MeshBuckets {
  /** At home the bucket itself, elsewhere its mirror. */
  readonly catalog: KV;
  readonly placement: KV;
  /** Each region has its own store of artifacts. */
  readonly artifacts: ObjectStore;
}

const KV_CONFIG: Partial<KvOptions> = { history: 1, allow_direct: true };
// A mirror whose origin is missing asks again after ten seconds at the earliest. On a first start the home region is only
// moments behind, so waiting a little makes the mirror current at once; without a home the mirror is made all the same.
const HOME_WITHIN_MS = 2_000;
const HOME_ASK_MS = 100;

/** Opens the catalog, the placement and the artifacts of the bus's region, and makes what is missing. */
export async function openHomeBuckets(
  bus: Bus,
  home: string,
  clock: Clock = systemClock,
): Promise<MeshBuckets> {
  if (bus.region === home) {
    await bus.kv(buckets.leases(home), { create: KV_CONFIG });
    await bus.kv(buckets.scaling(home), { create: KV_CONFIG });
    await bus.object(buckets.uploads(home), { create: { ttl: nanos(UPLOAD_TTL_MS) } });
  }
  await bus.object(buckets.bodies(bus.region), {
    create: { ttl: nanos(BODIES_TTL_MS), max_bytes: BODIES_BYTES_MAX },
  });
  const artifacts = await bus.object(buckets.artifacts(bus.region), { create: {} });
  const [catalog, placement] = await Promise.all([
    openMirror(bus, home, buckets.catalog, clock),
    openMirror(bus, home, buckets.placement, clock),
  ]);
  return { catalog, placement, artifacts };
}

/** `nameIn` names the bucket of a region, as the functions in contracts/buckets.ts do. */
export async function openMirror(
  bus: Bus,
  home: string,
  nameIn: (region: string) => string,
  clock: Clock = systemClock,
): Promise<KV> {
  const bucket = nameIn(bus.region);
  if (bus.region === home) return bus.kv(bucket, { create: KV_CONFIG });
  const made = await bus.kv(bucket).catch(() => undefined);
  if (made) return made;
  const origin = nameIn(home);
  await untilAtHome(bus, home, origin, clock);
  const mirror = { name: origin, external: { api: `$JS.${home}.API`, deliver: '' } };
  return bus.kv(bucket, { create: { ...KV_CONFIG, mirror } });
}

async function untilAtHome(bus: Bus, home: string, origin: string, clock: Clock): Promise<void> {
  const until = clock.monotonicMs() + HOME_WITHIN_MS;
  while (clock.monotonicMs() < until) {
    const there = await bus.kv(origin, { domain: home }).catch(() => undefined);
    if (there) return;
    await clock.sleep(HOME_ASK_MS);
  }
}
