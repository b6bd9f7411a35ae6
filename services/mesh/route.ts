// The decision for one request: endpoint to version, version to replica, with reasons. Pure: no clock, no bus. The router, the
// client's direct calls, `massif explain` and the simulator all ask this one function.
import type { Sequence } from '../../contracts/body-parameters.js';
import type { ErrorCode } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';
import type { PipelineRecord } from '../../contracts/pipeline.js';
import { armOf, type EndpointRecord, type Variant } from '../../contracts/registry.js';
import { type ArmRequest, chooseArm, type RoutedEndpoint, type Say } from './arm-choice.js';
import { murmur3 } from './murmur3.js';
import { powerOfTwo } from './power-of-two.js';
import type { Random } from './random.js';
import { rendezvous } from './rendezvous.js';
import { firstSeat, type SequenceRequest, whoHasIt } from './sequence-route.js';
import { bestTier, drawTwo, type ReplicaView, SCAN_MAX, TIERS } from './tier.js';

export { type ReplicaView, TIERS, tierOf } from './tier.js';

export interface RouteRequest extends ArmRequest {
  readonly endpoint: string;
  /** A step of a sequence, at an endpoint that keeps them. */
  readonly sequence?: Sequence | undefined;
  /** Replicas tried already. */
  readonly exclude?: ReadonlySet<string> | undefined;
}

export interface RouteTable {
  readonly region: string;
  endpoint(name: string): RoutedEndpoint | undefined;
  replicas(version: Digest): readonly ReplicaView[];
  /** The replica that had a sequence last, as far as is known. */
  seat?(endpoint: string, sequence: string): string | undefined;
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
  const replicas = table.replicas(variant.version);
  const replica = pick(replicas, table.region, request, random, say, sequence);
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
  const [code, message] = whyNone(replicas, endpoint, variant, request.exclude);
  return { ...refused(code, message, reasons), arm: armOf(variant), epoch: endpoint.epoch ?? 0, bucket };
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
  const found = whoHasIt(endpoint, request, table.region, (version) => table.replicas(version), last);
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

function pick(
  replicas: readonly ReplicaView[],
  region: string,
  { user, exclude }: RouteRequest,
  random: Random,
  say?: Say,
  sequence?: Sequence,
): ReplicaView | undefined {
  if (user === undefined && !say && !sequence && replicas.length > SCAN_MAX) {
    const drawn = drawTwo(replicas, region, exclude, random);
    if (drawn) return drawn;
  }
  const [candidates, tier] = bestTier(replicas, region, exclude);
  say?.(`${candidates.length} of ${replicas.length} replicas are ${TIERS[tier] ?? 'of use'}`);
  if (sequence) {
    const seat = firstSeat(sequence.id, candidates);
    if (seat) say?.(`${seat.id} is the sequence's first choice that has room for another one`);
    return seat;
  }
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
