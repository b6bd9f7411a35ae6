// How many shards a pool should have, and which one goes: pure. The keeper asks several times a second.

import type { PoolNode } from './compute-pool.js';

export interface NodeSeen {
  readonly name: string;
  readonly state: PoolNode['state'];
  /** A shard of this name was heard lately. */
  readonly heard: boolean;
  /** Since it was asked for. */
  readonly ageMs: number;
  /** What its shard has in flight, for the choice of the one that goes. */
  readonly inFlight: number;
  readonly replicas: number;
  readonly leaving: boolean;
}

export interface PoolSeen {
  /** Shards that the schedule wants of it. */
  readonly wanted: number;
  readonly nodes: readonly NodeSeen[];
  readonly nodesMax: number;
  /** Places that jobs take, those that are just leaving included. */
  readonly jobs: number;
  /** Since when fewer nodes would do; undefined while they would not. */
  readonly surplusMs: number | undefined;
  /** How long a start failed lately and nothing is to be asked for. */
  readonly pauseMs: number;
}

export interface NodeDecision {
  readonly grow: number;
  readonly release: readonly string[];
  /** Nodes that were asked for and never heard. */
  readonly lost: readonly string[];
  readonly surplus: boolean;
  readonly why: string;
}

/** A host process needs seconds, a cloud server minutes; what takes longer has failed. */
export const START_MS_MAX = 120_000;
/** A lull shorter than this keeps its nodes. */
export const LINGER_MS = 30_000;

export function decideNodes(seen: PoolSeen, lingerMs = LINGER_MS, startMsMax = START_MS_MAX): NodeDecision {
  const { wanted, nodes, nodesMax, jobs, surplusMs, pauseMs } = seen;
  const lost = nodes
    .filter((node) => node.state !== 'queued' && !node.heard && !node.leaving && node.ageMs > startMsMax)
    .map(({ name }) => name);
  const stays = nodes.filter(({ name, leaving }) => !leaving && !lost.includes(name));
  const here = stays.filter(({ state }) => state !== 'ending');
  const needed = Math.min(nodesMax, wanted);
  const surplus = here.length > needed;
  const nothing = { grow: 0, release: [], lost, surplus };
  // What leaves still takes its place.
  const room = nodesMax - jobs - nodes.length + lost.length;
  // It goes once its place is taken, or when there is no place for another.
  const [ending] = stays.filter(({ state }) => state === 'ending');
  const replaced = here.filter(({ heard }) => heard).length >= needed;
  if (ending && (replaced || room <= 0) && !nodes.some(({ leaving }) => leaving))
    return { ...nothing, release: [ending.name], why: 'the pool takes it away soon' };
  if (here.length < needed) {
    if (pauseMs > 0) return { ...nothing, why: 'a start failed lately: waiting before the next' };
    return {
      ...nothing,
      grow: Math.max(0, Math.min(needed - here.length, room)),
      why: `${needed} are needed`,
    };
  }
  if (!surplus) return { ...nothing, why: `${needed} are needed, and there` };
  if (surplusMs === undefined || surplusMs < lingerMs)
    return { ...nothing, why: 'more than needed, for a short time so far' };
  // One at a time: each moves what it holds before it goes.
  if (nodes.some(({ leaving }) => leaving)) return { ...nothing, why: 'one is leaving' };
  const [idlest] = here.toSorted(
    (a, b) =>
      Number(b.state === 'queued') - Number(a.state === 'queued') ||
      a.replicas - b.replicas ||
      a.inFlight - b.inFlight ||
      a.ageMs - b.ageMs,
  );
  return { ...nothing, release: idlest ? [idlest.name] : [], why: 'more than needed' };
}
