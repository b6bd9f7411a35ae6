// Who keeps what in JetStream: the buckets and streams of buckets.ts with their owners, and who else may open, write or read them.
import { buckets, streams } from './buckets.js';
import type { Party } from './conversations.js';

export interface Holding {
  readonly nameIn: (region: string) => string;
  readonly kind: 'kv' | 'object' | 'stream';
  /** They make and change it, write and read it. */
  readonly owners: readonly Party[];
  /** They make it (a region's mirror) when they come first, and read it; they do not write. */
  readonly openers?: readonly Party[];
  readonly writers?: readonly Party[];
  readonly readers?: readonly Party[];
}

export const holdings: readonly Holding[] = [
  {
    nameIn: buckets.catalog,
    kind: 'kv',
    owners: ['registry'],
    openers: ['router', 'gateway', 'shard', 'autoscaler'],
    readers: ['trainer', 'compressor', 'auditor', 'client', 'operator'],
  },
  { nameIn: buckets.placement, kind: 'kv', owners: ['registry'], openers: ['shard', 'autoscaler'] },
  {
    nameIn: buckets.overrides,
    kind: 'kv',
    owners: ['router'],
    readers: ['registry', 'gateway', 'shard', 'auditor', 'client', 'operator'],
  },
  { nameIn: buckets.scaling, kind: 'kv', owners: ['autoscaler'], openers: ['registry', 'shard'] },
  { nameIn: buckets.scheduling, kind: 'kv', owners: ['autoscaler'] },
  { nameIn: buckets.identity, kind: 'kv', owners: ['gateway'] },
  { nameIn: buckets.leases, kind: 'kv', owners: ['registry', 'autoscaler', 'auditor'], openers: ['shard'] },
  {
    nameIn: buckets.artifacts,
    kind: 'object',
    owners: ['registry'],
    openers: ['shard', 'autoscaler', 'trainer', 'compressor'],
    readers: ['gateway', 'auditor', 'client', 'operator'],
  },
  {
    nameIn: buckets.uploads,
    kind: 'object',
    owners: ['registry'],
    openers: ['shard', 'autoscaler'],
    writers: ['trainer', 'compressor', 'gateway', 'operator'],
    readers: ['trainer', 'compressor', 'gateway', 'operator'],
  },
  {
    nameIn: buckets.bodies,
    kind: 'object',
    owners: ['engine'],
    openers: ['shard', 'registry', 'autoscaler'],
    writers: ['gateway', 'application', 'client', 'operator'],
    readers: ['gateway', 'operator'],
  },
  { nameIn: buckets.releases, kind: 'kv', owners: ['registry'], readers: ['operator'] },
  { nameIn: buckets.journals, kind: 'kv', owners: ['registry'] },
  { nameIn: buckets.weights, kind: 'kv', owners: ['registry'] },
  { nameIn: buckets.jobs, kind: 'kv', owners: ['trainer'], openers: ['autoscaler'] },
  { nameIn: buckets.compressJobs, kind: 'kv', owners: ['compressor'], openers: ['autoscaler'] },
  {
    nameIn: buckets.compression,
    kind: 'object',
    owners: ['compressor'],
    readers: ['gateway', 'operator'],
  },
  { nameIn: buckets.alerts, kind: 'kv', owners: ['auditor'], readers: ['operator'] },
  { nameIn: buckets.sampling, kind: 'kv', owners: ['auditor'] },
  {
    nameIn: buckets.baselines,
    kind: 'object',
    owners: ['auditor'],
    writers: ['operator'],
    readers: ['operator'],
  },
  { nameIn: buckets.taps, kind: 'kv', owners: ['auditor'], openers: ['shard'], readers: ['operator'] },
  { nameIn: buckets.checkpoints, kind: 'kv', owners: ['auditor'], readers: ['operator'] },
  {
    nameIn: buckets.training,
    kind: 'object',
    owners: ['trainer', 'compressor'],
    writers: ['gateway', 'operator'],
    readers: ['gateway', 'operator'],
  },
  { nameIn: streams.jobs, kind: 'stream', owners: ['trainer', 'compressor'] },
  { nameIn: streams.auditIntake, kind: 'stream', owners: ['auditor'] },
  { nameIn: streams.samples, kind: 'stream', owners: ['auditor'] },
  { nameIn: streams.auditLog, kind: 'stream', owners: ['auditor'], readers: ['operator'] },
];
