// What may change the policy's number before it is written: schedules, pins, the operator's own metric, and how fast it may move.
// Pure; the scaler of an endpoint asks, and explains with the sentences that come back.
import type { ScalingPolicy, ScalingSchedule } from '../../../contracts/scaling.js';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

/** The policy with the bounds of the schedule that is in force. */
export function scheduled(policy: ScalingPolicy, nowMs: number): ScalingPolicy {
  const inForce = policy.schedules?.find((schedule) => isInForce(schedule, nowMs));
  if (!inForce) return policy;
  const minReplicas = inForce.minReplicas ?? policy.minReplicas;
  // The schedule's own word counts where the two would cross.
  const maxReplicas = Math.max(inForce.maxReplicas ?? policy.maxReplicas, minReplicas, 1);
  return { ...policy, minReplicas, maxReplicas };
}

/** `nowMs` since 1970; times of day are UTC. */
export function isInForce({ days, from, to }: ScalingSchedule, nowMs: number): boolean {
  const now = new Date(nowMs);
  const minute = Math.floor(nowMs / MINUTE_MS) % DAY_MINUTES;
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  const overnight = end <= begin;
  const early = overnight && minute < end;
  if (overnight ? minute < begin && !early : minute < begin || minute >= end) return false;
  const day = (now.getUTCDay() + (early ? 6 : 0)) % 7;
  return days === undefined || days.includes(day);
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

export interface Bounded {
  readonly replicas: number;
  /** One sentence for each bound that had a say. */
  readonly bounds: readonly string[];
}

export interface Standing {
  /** What is wanted now; undefined before the first decision. */
  readonly current: number | undefined;
  readonly lastChangeMs: number;
  /** Since when it is looked at: what came before is not known. */
  readonly sinceMs: number;
  readonly nowMs: number;
  readonly waiting: number;
  /** Nobody has asked for as long as the policy says: that is patience enough. */
  readonly idle: boolean;
  /** The operator's number, and whether it still comes. */
  readonly metric?: { readonly value: number; readonly stale: boolean } | undefined;
  /** What its budget pays for; absent where it has none. */
  readonly affordable?: { readonly replicas: number; readonly why: string } | undefined;
}

/** A jump to so many at once is no runaway; beyond it a step at most multiplies by GROWTH. */
const STEP_FREE = 4;
const GROWTH = 4;
const GROW_EVERY_MS = 1_000;
/** Halving at most, and not before what was there could be seen to be too much. */
const SHRINK_EVERY_MS = 5_000;
/** A leader that just began has seen no load yet: that is no reason to take replicas away. */
const LOOK_FIRST_MS = 15_000;

export function bound(wanted: number, policy: ScalingPolicy, standing: Standing): Bounded {
  const bounds: string[] = [];
  if (policy.pin !== undefined) {
    bounds.push(`pinned to ${policy.pin}`);
    return { replicas: paidFor(policy.pin, standing, bounds), bounds };
  }
  let replicas = withMetric(wanted, policy, standing, bounds);
  if (standing.waiting > 0 && replicas < 1) {
    bounds.push(`${standing.waiting} requests wait for it to wake`);
    replicas = 1;
  }
  const clamped = Math.min(policy.maxReplicas, Math.max(policy.minReplicas, replicas));
  if (clamped !== replicas)
    bounds.push(`${replicas} lie outside of ${policy.minReplicas} to ${policy.maxReplicas}`);
  return { replicas: paidFor(atItsPace(clamped, standing, bounds), standing, bounds), bounds };
}

/** The last word, also over a pin and a minimum: no decision costs more than its owner said. */
function paidFor(replicas: number, { affordable }: Standing, bounds: string[]): number {
  if (!affordable || replicas <= affordable.replicas) return replicas;
  bounds.push(`${replicas} are too dear: ${affordable.why}`);
  return affordable.replicas;
}

function withMetric(wanted: number, policy: ScalingPolicy, standing: Standing, bounds: string[]): number {
  const { metric, perReplica } = { metric: standing.metric, perReplica: policy.metric?.perReplica };
  if (perReplica === undefined) return wanted;
  if (!metric || metric.stale) {
    const held = Math.max(wanted, standing.current ?? 0);
    const silent = metric ? 'has stopped' : 'was never heard';
    if (held > wanted) bounds.push(`the metric ${silent}: what is wanted stays, and nothing is taken away`);
    return held;
  }
  const asked = Math.ceil(metric.value / perReplica);
  if (asked > wanted) bounds.push(`the metric says ${metric.value}: ${asked} replicas`);
  return Math.max(wanted, asked);
}

function atItsPace(wanted: number, standing: Standing, bounds: string[]): number {
  const { current, lastChangeMs, sinceMs, nowMs, idle } = standing;
  if (current === undefined || wanted === current) return wanted;
  if (wanted > current) {
    // From zero nothing holds it up: somebody waits.
    if (current > 0 && nowMs - lastChangeMs < GROW_EVERY_MS) return hold(current, 'it grew just now', bounds);
    const most = Math.max(current + STEP_FREE, current * GROWTH);
    if (wanted > most) bounds.push(`${wanted} in steps: ${most} now`);
    return Math.min(wanted, most);
  }
  if (idle) return wanted;
  if (nowMs - sinceMs < LOOK_FIRST_MS) return hold(current, 'not looked for long enough to shrink', bounds);
  if (nowMs - lastChangeMs < SHRINK_EVERY_MS) return hold(current, 'it changed just now', bounds);
  const least = Math.floor(current / 2);
  if (wanted < least) bounds.push(`${wanted} in steps: ${least} now`);
  return Math.max(wanted, least);
}

function hold(current: number, why: string, bounds: string[]): number {
  bounds.push(why);
  return current;
}
