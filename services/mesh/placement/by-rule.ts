// Places by a rule that says where a group's requests should go: large endpoints first, one after the other, each into what the
// earlier ones left. Proportional, traffic-based and user-based placement are rules of a few lines each.
import type { PlacementPolicy } from '../../../contracts/placement.js';
import { type Allocation, loadsOf, replicasFor, type Shares, type Shortfall } from './allocation.js';
import { isTight, Packing } from './packing.js';
import type { Batch } from './shelf.js';
import {
  type EndpointSetting,
  gib,
  type GroupSetting,
  type Option,
  type Refused,
  type Setting,
} from './setting.js';

export interface Rule {
  readonly policy: PlacementPolicy;
  /** Room for growth: replicas are counted for so many times the demand. */
  readonly demandFactor: number;
  /** `open` are the centres that may be used; there is one at least. */
  shares(endpoint: EndpointSetting, group: GroupSetting, open: readonly number[], left: BusyLeft): Shares;
  /** Of the replicas that lie in a centre and those that are needed: how many there shall be. */
  replicas?(now: number, needed: number, load: number, ratePerS: number): number;
}

/** Of a centre, between 0 and 1. */
export type BusyLeft = (centre: number) => number;

/** A replica, and the requests a second that it is given. */
export interface Load {
  readonly shard: string;
  readonly ratePerS: number;
}

export interface Placed {
  readonly setting: EndpointSetting;
  readonly allocation: Allocation;
  readonly replicas: readonly Load[];
}

type Packed = Omit<Placed, 'replicas'> & { readonly batches: readonly Batch[] };

export interface PlacedAll {
  readonly placed: readonly Placed[];
  readonly unplaced: readonly Refused[];
}

// Each try leaves out the centre that was full; in a mesh of fifty full regions somebody has to give up.
const TRIES_MAX = 12;

export function placeByRule(setting: Setting, rule: Rule): PlacedAll {
  const packing = new Packing(setting.centres, isTight(setting.centres, setting.endpoints));
  const placed: Packed[] = [];
  const unplaced: Refused[] = [...setting.refused];
  for (const endpoint of largestFirst(setting.endpoints)) {
    const found = placeOne(endpoint, rule, packing);
    if ('constraint' in found) {
      const { constraint, reason } = found;
      unplaced.push({ name: endpoint.endpoint.name, constraint, reason });
    } else placed.push(found);
  }
  return {
    placed: placed.map(({ batches, ...one }) => ({ ...one, replicas: loadsIn(batches) })),
    unplaced,
  };
}

export const largestFirst = (endpoints: readonly EndpointSetting[]): EndpointSetting[] =>
  [...endpoints].sort(
    (a, b) => b.endpoint.memoryBytes - a.endpoint.memoryBytes || b.ratePerS - a.ratePerS || a.index - b.index,
  );

function placeOne(setting: EndpointSetting, rule: Rule, packing: Packing): Packed | Shortfall {
  const full = new Set<number>();
  const busy = new Map<number, number>();
  const left: BusyLeft = (centre) => {
    const known = busy.get(centre) ?? packing.busyLeft(centre);
    busy.set(centre, known);
    return known;
  };
  let last: Shortfall = { constraint: 'capacity', reason: 'Every centre that may hold it is full.' };
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const open = setting.groups.map(({ options }) =>
      [...options.keys()].filter((centre) => !full.has(centre)),
    );
    const without = open.findIndex((centres) => centres.length === 0);
    if (without >= 0) return last;
    const shares = sharesOf(setting, rule, open, left);
    const loads = loadsOf(setting, shares);
    const rest = new Map([...setting.options].filter(([centre]) => !full.has(centre)));
    const needed = replicasFor({ ...setting, options: rest }, loads, rule.demandFactor);
    if ('constraint' in needed) {
      if (needed.centre === undefined) return needed;
      full.add(needed.centre);
      last = needed;
      continue;
    }
    const replicas = rule.replicas ? steadied(setting, needed, loads, rule) : needed;
    const packed = packAll(setting, replicas, loads, packing);
    if (Array.isArray(packed)) return { setting, allocation: { replicas, shares }, batches: packed };
    full.add(packed.full);
    last = {
      constraint: packed.constraint,
      reason: `${packed.count} ${packed.count === 1 ? 'replica' : 'replicas'} of ${gib(setting.endpoint.memoryBytes)} do not fit into ${packed.region} beside what lies there.`,
    };
  }
  return last;
}

/** Who may be in the fewest centres is asked first; the others see what that takes. */
function sharesOf(
  setting: EndpointSetting,
  rule: Rule,
  open: readonly (readonly number[])[],
  left: BusyLeft,
): Shares[] {
  const { groups, options } = setting;
  const taken = new Map<number, number>();
  const rest: BusyLeft = (centre) => left(centre) - (taken.get(centre) ?? 0);
  const found: Shares[] = [];
  const order = groups.map((_, g) => g);
  for (const g of order.sort((a, b) => (open[a]?.length ?? 0) - (open[b]?.length ?? 0))) {
    const group = groups[g] as GroupSetting;
    const its = rule.shares(setting, group, open[g] ?? [], rest);
    found[g] = its;
    for (const [centre, share] of its) {
      const { shards, ratePerS } = options.get(centre) as Option;
      const part = (share * group.group.ratePerS * rule.demandFactor) / (shards * ratePerS);
      taken.set(centre, (taken.get(centre) ?? 0) + part);
    }
  }
  return found;
}

function steadied(
  setting: EndpointSetting,
  needed: ReadonlyMap<number, number>,
  loads: ReadonlyMap<number, number>,
  rule: Rule,
): Map<number, number> {
  const { name } = setting.endpoint;
  return new Map(
    [...needed].map(([centre, count]) => {
      const option = setting.options.get(centre);
      const now = option?.centre.shards.filter(({ holds }) => holds.includes(name)).length ?? 0;
      const load = (loads.get(centre) ?? 0) * rule.demandFactor;
      const steady = rule.replicas?.(now, count, load, option?.ratePerS ?? 0) ?? count;
      return [centre, Math.min(steady, option?.shards ?? steady)];
    }),
  );
}

interface Full extends Pick<Shortfall, 'constraint'> {
  readonly full: number;
  readonly region: string;
  readonly count: number;
}

/** All of an endpoint, or nothing. */
export function packAll(
  setting: EndpointSetting,
  replicas: ReadonlyMap<number, number>,
  loads: ReadonlyMap<number, number>,
  packing: Packing,
): Batch[] | Full {
  const { mark } = packing;
  const done: Batch[] = [];
  for (const [centre, count] of replicas) {
    const batch = packing.place(setting, centre, count, loads.get(centre) ?? 0);
    if (!batch) {
      packing.rollBack(mark);
      const constraint = packing.busyLeft(centre) < 0.05 ? 'capacity' : 'memory';
      return { full: centre, region: setting.options.get(centre)?.centre.region ?? '', count, constraint };
    }
    done.push(batch);
  }
  return done;
}

/** As they lie at this moment: placing others may still move them. */
export const loadsIn = (batches: readonly Batch[]): Load[] =>
  batches.flatMap(({ shelves, ratePerS }) => shelves.map(({ shard }) => ({ shard: shard.id, ratePerS })));
