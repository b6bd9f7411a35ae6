// The decision for one request: endpoint to version, version to replica, with reasons. Pure: no clock, no bus. The router, the
// client's direct calls, `massif explain` and the simulator all ask this one function.
import type { Sequence } from '../../../contracts/body-parameters.js';
import type { ErrorCode } from '../../../contracts/errors.js';
import type { Digest } from '../../../contracts/names.js';
import type { PipelineRecord } from '../../../contracts/pipeline.js';
import { armOf, type EndpointRecord, type Variant } from '../../../contracts/registry.js';
import { type ArmRequest, chooseArm, type RoutedEndpoint, type Say } from './arm-choice.js';
import type { Random } from '../random.js';
import { chooseReplica } from './replica-choice.js';
import { type ShardPlace, whyNowhere } from '../placement/why-nowhere.js';
import { inPool, pinOf, poolFor, resident } from './seat-rules.js';
import { type SequenceRequest, whoHasIt } from './sequence-route.js';
import type { DistanceMs } from './spill.js';
import { type Asking, drainMs, isFull, type ReplicaView, tierOf } from './tier.js';

export { type ReplicaView, TIERS, tierOf } from './tier.js';

export interface RouteRequest extends ArmRequest, Asking {
  readonly endpoint: string;
  /** A step of a sequence, at an endpoint that keeps them. */
  readonly sequence?: Sequence | undefined;
}

export interface RouteTable {
  readonly region: string;
  endpoint(name: string): RoutedEndpoint | undefined;
  replicas(version: Digest): readonly ReplicaView[];
  /** The replica that had a sequence last, as far as is known. */
  seat?(endpoint: string, sequence: string): string | undefined;
  /** Round trip to another region; all are as far when nobody knows. */
  readonly distanceMs?: DistanceMs;
  /** All that have been heard of, whatever they hold. */
  places?(): Iterable<ShardPlace>;
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
      /** The rule that named the arm. */
      readonly rule?: string | undefined;
      readonly reasons: readonly string[];
      /** Of a pipeline: where each of its steps goes; the fields above are then those of the first. */
      readonly steps?: StepChoices;
    }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      /** Of the arm that has nobody to serve it: its failure, as against one of the request. */
      readonly arm?: string | undefined;
      readonly epoch?: number | undefined;
      readonly bucket?: number | undefined;
      readonly message: string;
      /** When the first replica of those that are full has done what it holds. */
      readonly retryAfterMs?: number | undefined;
      /** The endpoint that may sleep, and has nobody ready: who waits is answered when it wakes. */
      readonly asleep?: string | undefined;
      /** It may sleep, and no shard there is may hold it: only a shard that comes back would wake it. */
      readonly nowhere?: boolean;
      /** Of a pipeline: the step that has no replica. */
      readonly step?: string;
      readonly reasons: readonly string[];
    };

export interface StepChoices {
  readonly pipeline: PipelineRecord;
  /** Ids of replicas, one a step. */
  readonly hops: readonly string[];
}

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

  const sequence = endpoint.stateful ? request.sequence : undefined;
  if (sequence && !sequence.start) return goOn(table, endpoint, { ...request, sequence }, say, reasons);
  const choice = chooseArm(endpoint, beginner(endpoint, request, sequence), table.region, random, say);
  if ('code' in choice) return refused(choice.code, choice.message, reasons);
  const { variant, bucket, rule } = choice;
  const replicas = inPool(resident(table.replicas(variant.version), endpoint), endpoint, request.tenant);
  const pinned = sequence ? undefined : pinnedReplica(replicas, endpoint, table.region, request, say);
  const replica = pinned ?? chooseReplica(replicas, table, request, random, say, sequence);
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
      rule,
      reasons,
    };
  }
  const none = whyNone(replicas, table, endpoint, variant, request);
  const sleeps = none.code === 'NOT_READY' && endpoint.scaling?.minReplicas === 0;
  return {
    ...refused(none.code, none.message, reasons),
    retryAfterMs: none.retryAfterMs,
    asleep: sleeps ? endpoint.name : undefined,
    nowhere: sleeps && none.nowhere === true && !mayGetNodes(endpoint),
    arm: armOf(variant),
    epoch: endpoint.epoch ?? 0,
    bucket,
  };
}

/** A step goes where the state is: neither rules nor weights count any more. */
function goOn(
  table: RouteTable,
  endpoint: RoutedEndpoint,
  request: RouteRequest & SequenceRequest,
  say: Say,
  reasons: readonly string[],
): Decision {
  const last = table.seat?.(endpoint.name, request.sequence.id);
  const found = whoHasIt(
    endpoint,
    request,
    table.region,
    (version) => resident(table.replicas(version), endpoint),
    last,
  );
  if ('code' in found) return refused(found.code, found.message, reasons);
  const { replica, variant } = found;
  say?.(
    `${replica.id} ${replica.id === last ? 'had the sequence last' : 'is the next that may have the sequence'}`,
  );
  const { version, label } = variant;
  return {
    kind: 'replica',
    replica,
    version,
    label,
    arm: armOf(variant),
    epoch: endpoint.epoch ?? 0,
    reasons,
  };
}

/** Without a user the sequence itself draws the lot, so that a start sent again gets the same version. */
function beginner(
  endpoint: EndpointRecord,
  request: RouteRequest,
  sequence: Sequence | undefined,
): RouteRequest {
  const free = sequence && request.user === undefined && endpoint.assignment === 'request';
  return free && endpoint.withoutUser === undefined ? { ...request, user: sequence.id } : request;
}

/** While the shard loads the version, is full or lost, the user goes where everybody goes. */
function pinnedReplica(
  replicas: readonly ReplicaView[],
  endpoint: EndpointRecord,
  region: string,
  request: RouteRequest,
  say: Say,
): ReplicaView | undefined {
  const shard = pinOf(endpoint, request.user);
  if (shard === undefined) return undefined;
  const replica = replicas.find((one) => one.shard === shard);
  const tier = replica ? tierOf(replica, region, request) : 'not there';
  if (typeof tier !== 'string') {
    say?.(`the user is pinned to ${shard}`);
    return replica;
  }
  say?.(`the user is pinned to ${shard}, whose replica is ${tier}`);
  return undefined;
}

function whyNone(
  replicas: readonly ReplicaView[],
  table: RouteTable,
  endpoint: EndpointRecord,
  { label }: Variant,
  asking: RouteRequest,
): None {
  const pool = poolFor(endpoint, asking.tenant);
  const of = `of ${endpoint.name} version ${label}${pool === undefined ? '' : ` in pool ${pool}`}`;
  const ready = replicas.filter((replica) => replica.ready);
  if (ready.length === 0) {
    const where = endpoint.placement?.regions ? ` in ${endpoint.placement.regions.join(', ')}` : '';
    const nowhere =
      replicas.length === 0 && table.places ? whyNowhere(endpoint, pool, table.places()) : undefined;
    const because = nowhere === undefined ? '' : ` It can lie nowhere: ${nowhere}.`;
    return {
      code: 'NOT_READY',
      message: `No replica ${of} is ready${where} (${replicas.length} known).${because}`,
      nowhere: nowhere !== undefined,
    };
  }
  const full = ready.filter((replica) => isFull(tierOf(replica, table.region, asking)));
  if (full.length > 0)
    return {
      code: 'MAILBOX_FULL',
      message: `Every replica ${of} that is well has as much to do as it can in time (${full.length} of ${ready.length}).`,
      retryAfterMs: Math.min(...full.map((replica) => drainMs(replica, asking.nowMs))),
    };
  if (ready.some(({ id }) => asking.exclude?.has(id)))
    return { code: 'REPLICA_LOST', message: `Every replica ${of} was tried.` };
  return { code: 'BREAKER_OPEN', message: `Every replica ${of} failed too often lately.` };
}

/** Its policy speaks of nodes that a pool would bring: a shard that may hold it can come because somebody waits. */
const mayGetNodes = ({ scaling }: EndpointRecord): boolean =>
  [scaling?.needs, scaling?.budgetPerHour, scaling?.startMsMax].some((said) => said !== undefined);

interface None {
  readonly code: ErrorCode;
  readonly message: string;
  readonly nowhere?: boolean;
  readonly retryAfterMs?: number;
}

function refused(
  code: ErrorCode,
  message: string,
  reasons: readonly string[],
): Decision & { readonly kind: 'refused' } {
  return { kind: 'refused', code, message, reasons };
}
