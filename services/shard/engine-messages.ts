// What a shard's host and its engine processes say to each other over the pipe between parent and child. It never leaves the
// shard, hence it lies here and not in contracts. Calls go one way (host to engine) and carry a number that the answer repeats.
import type { ErrorCode } from '../../contracts/errors.js';
import type { SequenceCounts } from '../../contracts/heartbeat.js';
import type { Envelope } from '../../contracts/manifest.js';
import type { TrustPolicy } from '../../contracts/trust-policy.js';
import type { VersionRecord } from '../../contracts/registry.js';
import type { ReplicaStatistics } from '../../contracts/statistics.js';
import type { PreparedGraph, Preparation } from './prepared-graphs.js';
import type { RememberedWarmUp, WarmUpReport } from './engine/warm-up.js';

/** The first message: who the engine is and where its bus is. */
export interface StartOrder {
  readonly kind: 'start';
  readonly name: string;
  readonly region: string;
  readonly natsUrl: string;
  /** The file of the engine's own key on the bus. */
  readonly natsKey?: string | undefined;
  /** Threads of one run; engines of one thread side by side beat one engine with many on small machines. */
  readonly threads: number;
  /** `cpu` or `cuda:N`: what its sessions run on, or are refused for. */
  readonly device: string;
  /** Of one request or answer. */
  readonly bodyMaxBytes: number;
  /** What the sequences of all its replicas may take; a default when not given. */
  readonly sequenceBytesMax?: number | undefined;
  /** Of all answers that an engine keeps. */
  readonly keptMaxBytes: number;
  /** False: the auditor is told nothing of its answers. */
  readonly observe?: boolean | undefined;
  /** Where the engine notes which replica it is about to run, for the host to read when the engine is stuck or dead. */
  readonly notePath: string;
}

export interface LoadOrder {
  readonly kind: 'load';
  readonly call: number;
  readonly replica: string;
  /** Stands in the replica's note while it runs; unique among the replicas of an engine. */
  readonly number: number;
  readonly version: VersionRecord;
  /** Holds one file per resource, named by its digest. */
  readonly artifactsDir: string;
  /** A path of the engine's own, where weights that lie beside the graph become files to map; the host removes what is left there. */
  readonly weightsDir?: string | undefined;
  /** As the host verified it: the engine checks the signature on what it loads once more. */
  readonly policy: TrustPolicy;
  /** Of the shard: a publisher's word may count in some regions only. */
  readonly region: string;
  readonly capacityMax: number;
  /** Rows that share a run at most. */
  readonly batchRowsMax: number;
  /** Hidden values that the session gives beside the outputs, as an operator signed it. */
  readonly taps?: Envelope | undefined;
  /** Of the graph as onnxruntime rewrites it: where to write it, or which to take. */
  readonly preparation?: Preparation | undefined;
  /** What another engine of this host found out about the very same bytes: it need not be measured again. */
  readonly remembered?: RememberedWarmUp | undefined;
}

export interface UnloadOrder {
  readonly kind: 'unload';
  readonly call: number;
  readonly replica: string;
  readonly drainMs: number;
}

export interface StopOrder {
  readonly kind: 'stop';
  readonly call: number;
  readonly drainMs: number;
}

/** What these replicas counted, or all; an engine in a run answers after it. */
export interface StatisticsOrder {
  readonly kind: 'statistics';
  readonly call: number;
  readonly replicas?: readonly string[] | undefined;
}

export interface Ping {
  readonly kind: 'ping';
}

export type HostMessage = StartOrder | HostCall | Ping;
export type HostCall = LoadOrder | UnloadOrder | StopOrder | StatisticsOrder;

/** The engine is connected and its library is loaded: it may be given models. */
export interface Started {
  readonly kind: 'started';
}

export interface CallDone {
  readonly kind: 'done';
  readonly call: number;
  /** Of a load. */
  readonly loaded?: LoadedReport;
  /** When they were asked for. */
  readonly statistics?: readonly EngineStatistics[];
  /** Of an unload: what the replica counted to its end. */
  readonly left?: ReplicaCounters;
}

/** Of one replica; name, version and memory are the host's to say. */
export type EngineStatistics = Omit<ReplicaStatistics, 'model' | 'version'>;

export interface LoadedReport {
  readonly batchMax: number;
  readonly capacity: number;
  readonly runMs: number;
  /** Growth of the engine's memory by this load. */
  readonly rssGrowthBytes: number;
  readonly warmUp: WarmUpReport;
  /** Written by this load. */
  readonly prepared?: PreparedGraph | undefined;
}

export interface CallFailed {
  readonly kind: 'failed';
  readonly call: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A load has created its session and begins its warm-up runs. */
export interface Warming {
  readonly kind: 'warming';
  readonly replica: string;
}

export interface ReplicaCounters {
  readonly id: string;
  readonly inFlight: number;
  readonly limit: number;
  readonly itemMs: number;
  readonly latencyMs: number;
  readonly batchMax: number;
  readonly served: number;
  readonly failed: number;
  /** Of a stateful version. */
  readonly sequences?: SequenceCounts;
}

export interface Pong {
  readonly kind: 'pong';
  readonly rssBytes: number;
  /** Those that count otherwise than when it answered last: of hundreds that are awake most were not called meanwhile. */
  readonly replicas: readonly ReplicaCounters[];
}

export type EngineMessage = Started | CallDone | CallFailed | Warming | Pong;
