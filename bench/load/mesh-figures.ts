// What a mesh tells of itself, read as numbers: metrics of all its processes, statistics of its engines, memory of its processes.
import { readFile } from 'node:fs/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { DrillMesh } from '../../chaos-tests/harness.js';
import { type ReplicaStatistics, StatisticsReply } from '../../contracts/statistics.js';
import { subjects } from '../../contracts/subjects.js';

/** Sums of all lines of a metric whose labels contain each of these. */
export async function metric(
  mesh: DrillMesh,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const page = await fetch(`${mesh.regions[0]?.restUrl}/metrics`).then((answer) => answer.text());
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  let sum = 0;
  for (const line of page.split('\n')) {
    if (!line.startsWith(`${name}{`) || !wanted.every((label) => line.includes(label))) continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

export async function statistics(
  nc: NatsConnection,
  shards: readonly string[],
): Promise<ReplicaStatistics[]> {
  const replies = await Promise.all(
    shards.map((shard) => nc.request(subjects.shardControl(shard, 'statistics'), '{}', { timeout: 10_000 })),
  );
  return replies.flatMap((reply) => StatisticsReply.parse(reply.json()).replicas);
}

export const shardsOf = (mesh: DrillMesh): string[] =>
  mesh.topology.services.filter(({ kind }) => kind === 'shard').map(({ name }) => name);

/** Resident bytes of the router's and the engines' processes. */
export async function residentBytes(pids: readonly number[]): Promise<number> {
  const all = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
  return all.reduce((sum, text) => sum + Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1_024, 0);
}
