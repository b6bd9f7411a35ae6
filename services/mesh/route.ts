// The decision for one request: endpoint to version, version to replica, with reasons. Pure: no clock, no bus. The router, the
// client's direct calls, `massif explain` and the simulator all ask this one function.
import type { ErrorCode } from '../../contracts/errors.js';
import { type Digest, shortDigest } from '../../contracts/names.js';
import { armOf, type EndpointRecord, type Variant } from '../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import { bucketOf, variantOf } from './bucket.js';
import { murmur3 } from './murmur3.js';
import { powerOfTwo } from './power-of-two.js';
import type { Random } from './random.js';
import { rendezvous } from './rendezvous.js';
import { bestTier, drawTwo, type ReplicaView, SCAN_MAX, TIERS } from './tier.js';

export { type ReplicaView, TIERS, tierOf } from './tier.js';

export interface RouteRequest {
  readonly endpoint: string;
  /** The same user sees the same version, and the same replica while it has room. */
  readonly user?: string | undefined;
  /** Label or digest (12 digits are enough); bypasses the weights. */
  readonly version?: string | undefined;
  /** Replicas tried already. */
  readonly exclude?: ReadonlySet<string> | undefined;
}

export interface RouteTable {
  readonly region: string;
  endpoint(name: string): EndpointRecord | undefined;
  replicas(version: Digest): readonly ReplicaView[];
}

export type Decision =
  | {
      readonly kind: 'replica';
      readonly replica: ReplicaView;
      readonly version: Digest;
      readonly label: string;
      readonly arm: string;
      /** Of the endpoint's weights and arms: what is counted belongs to one epoch. */
      readonly epoch: number;
      readonly bucket?: number | undefined;
      readonly reasons: readonly string[];
    }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
      readonly reasons: readonly string[];
    };

const NOTHING: readonly string[] = Object.freeze([]);

export function route(
  table: RouteTable,
  request: RouteRequest,
  random: Random,
  withReasons = false,
): Decision {
  const reasons = withReasons ? [] : NOTHING;
  const say = withReasons ? (reason: string) => void (reasons as string[]).push(reason) : undefined;
  const endpoint = table.endpoint(request.endpoint);
  if (!endpoint) return refused('ENDPOINT_UNKNOWN', `There is no endpoint ${request.endpoint}.`, reasons);

  let bucket: number | undefined;
  let variant: Variant | undefined;
  if (request.version !== undefined) {
    variant = named(endpoint, request.version);
    if (!variant) return refused('VERSION_UNKNOWN', unknownVersion(endpoint, request.version), reasons);
    say?.(`version ${variant.label} was asked for by name, so the weights do not count`);
  } else if (endpoint.variants.length === 1 && endpoint.assignment === 'request') {
    variant = endpoint.variants[0] as Variant;
    say?.(`the endpoint has one version, ${variant.label}`);
  } else if (request.user !== undefined) {
    bucket = bucketOf(endpoint.salt, request.user);
    variant = variantOf(endpoint, bucket);
    say?.(`the user falls into bucket ${bucket} of ${WEIGHT_TOTAL}, which belongs to ${variant.label}`);
  } else if (endpoint.assignment === 'user') {
    return refused('USER_REQUIRED', `Endpoint ${endpoint.name} splits by user.`, reasons);
  } else {
    bucket = Math.floor(random() * WEIGHT_TOTAL);
    variant = variantOf(endpoint, bucket);
    say?.(`without a user bucket ${bucket} was drawn, which belongs to ${variant.label}`);
  }

  const replicas = table.replicas(variant.version);
  const replica = pick(replicas, table.region, request, random, say);
  if (replica) {
    const { version, label } = variant;
    return {
      kind: 'replica',
      replica,
      version,
      label,
      arm: armOf(variant),
      epoch: endpoint.epoch ?? 0,
      bucket,
      reasons,
    };
  }
  return refused(...whyNone(replicas, endpoint, variant, request.exclude), reasons);
}

function pick(
  replicas: readonly ReplicaView[],
  region: string,
  { user, exclude }: RouteRequest,
  random: Random,
  say?: (reason: string) => void,
): ReplicaView | undefined {
  if (user === undefined && !say && replicas.length > SCAN_MAX) {
    const drawn = drawTwo(replicas, region, exclude, random);
    if (drawn) return drawn;
  }
  const [candidates, tier] = bestTier(replicas, region, exclude);
  say?.(`${candidates.length} of ${replicas.length} replicas are ${TIERS[tier] ?? 'of use'}`);
  if (user === undefined) {
    const chosen = powerOfTwo(candidates, random);
    if (chosen) say?.(`${chosen.id} is the cheaper of two drawn by latency x requests in flight`);
    return chosen;
  }
  const seat = rendezvous(user, candidates, hashOf);
  if (seat) say?.(`${seat.id} is the user's first choice that has room`);
  return seat;
}

const hashOf = (replica: ReplicaView): number => replica.hash ?? murmur3(replica.shard);

function named(endpoint: EndpointRecord, version: string): Variant | undefined {
  return (
    endpoint.variants.find(({ label }) => label === version) ??
    (version.length >= 12 ? endpoint.variants.find((v) => v.version.startsWith(version)) : undefined)
  );
}

function unknownVersion(endpoint: EndpointRecord, version: string): string {
  const served = endpoint.variants.map(({ label, version: digest }) => `${label} (${shortDigest(digest)})`);
  return `Endpoint ${endpoint.name} does not serve ${version}; it serves ${served.join(', ')}.`;
}

function whyNone(
  replicas: readonly ReplicaView[],
  endpoint: EndpointRecord,
  { label }: Variant,
  exclude: ReadonlySet<string> | undefined,
): [ErrorCode, string] {
  const ready = replicas.filter((replica) => replica.ready);
  if (ready.length === 0)
    return [
      'NOT_READY',
      `No replica of ${endpoint.name} version ${label} is ready (${replicas.length} known).`,
    ];
  if (ready.some(({ id }) => exclude?.has(id)))
    return ['REPLICA_LOST', `Every replica of ${endpoint.name} version ${label} was tried.`];
  return ['BREAKER_OPEN', `Every replica of ${endpoint.name} version ${label} failed too often lately.`];
}

function refused(code: ErrorCode, message: string, reasons: readonly string[]): Decision {
  return { kind: 'refused', code, message, reasons };
}
