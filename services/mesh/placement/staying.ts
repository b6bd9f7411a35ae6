// What there is now: what it would cost to leave it, and as a choice beside others, so that a plan begins with it and is made another only
// where that is worth loading models for.
import type { PlacementPlan } from '../../../contracts/placement.js';
import type { Allocation, Seat } from './allocation.js';
import { type Choice, Seated } from './choice.js';
import { leftOutCost } from './objective.js';
import { allocated, type Candidate, loadsFrom, partsOf, PLENTY, seated } from './seating.js';
import {
  BUSY_SHARE,
  BUSY_SHARE_MAX,
  type EndpointSetting,
  MEMORY_SHARE,
  type Option,
  type Setting,
} from './setting.js';

export interface Staying {
  /** With as many of the replicas that it has as it needs. Undefined where it needs more, or some users cannot be answered from there. */
  readonly choice: Choice | undefined;
  /** With all that it has, which may be a little busier than what is planned. */
  readonly asIs: Choice | undefined;
}

// Demand wanders by a few per cent from one look to the next.
const BUSIER = 1.05;

/** Undefined where it lies nowhere, or not where some users are pinned to. */
export function stayingOf(setting: EndpointSetting): Staying | undefined {
  if (setting.held.size === 0 || !setting.pinsHeld) return undefined;
  const planned = allIn(setting, 1);
  const busier = allIn(setting, BUSIER);
  return {
    choice: planned && enough(setting, planned, 1),
    asIs: busier && enough(setting, busier, BUSIER) && withAll(setting, busier),
  };
}

interface Sitting {
  readonly candidates: readonly Candidate[];
  readonly seats: readonly Seat[];
}

/** Everybody in the centres where it lies, of which each shard may be so many times `busier` than what is planned. */
function allIn(setting: EndpointSetting, busier: number): Sitting | undefined {
  const candidates = [...setting.held].map(([centre, count]): Candidate => {
    const option = setting.options.get(centre) as Option;
    return { option, ratePerS: busier * count * option.ratePerS, replicaCost: option.replicaCost };
  });
  const seats = seated(candidates, partsOf(setting, candidates, PLENTY), {
    set: candidates.map((_, k) => k),
  });
  return seats && { candidates, seats };
}

/** The replicas that they need, where it has so many. */
function enough(
  setting: EndpointSetting,
  { candidates, seats }: Sitting,
  busier: number,
): Choice | undefined {
  const used = new Set(seats.map(({ centre }) => centre));
  // Where nobody sits a replica is a standby, if one is wanted.
  const set = candidates
    .map((_, k) => k)
    .filter((k) => setting.endpoint.spread.domains > 1 || used.has(centreOf(candidates, k)));
  const choice = allocated(setting, candidates, set, seats, busier);
  return choice && lies(setting, choice) ? choice : undefined;
}

function withAll(setting: EndpointSetting, { candidates, seats }: Sitting): Choice {
  const all = candidates.map((_, k) => k);
  return new Seated(setting, setting.held, seats, loadsFrom(setting, candidates, all, seats));
}

const centreOf = (candidates: readonly Candidate[], k: number): number =>
  (candidates[k] as Candidate).option.centre.index;

/** Whether an allocation asks for no replica where there is none now. */
export const lies = ({ held }: EndpointSetting, { replicas }: Pick<Allocation, 'replicas'>): boolean =>
  [...replicas].every(([centre, count]) => count <= (held.get(centre) ?? 0));

/**
 * What all would cost an hour if nothing were changed, whoever has too little counted as left out. Undefined where devices would be too busy or too
 * full.
 */
export function costAsIs({ centres, endpoints }: Setting): number | undefined {
  const busyOf = centres.map(() => new Map<string, number>());
  const bytes = new Map<string, number>();
  let cost = 0;
  for (const setting of endpoints) {
    const { name, memoryBytes } = setting.endpoint;
    const asIs = stayingOf(setting)?.asIs;
    cost += asIs?.cost ?? leftOutCost(setting);
    bytes.set(name, memoryBytes);
    for (const { centre, busy } of asIs?.uses ?? [])
      busyOf[centre]?.set(name, busy / (asIs?.replicas.get(centre) ?? 1));
  }
  for (const { index, shards } of centres) {
    let busyInAll = 0;
    for (const { holds, memoryBytes } of shards) {
      const sumOf = (values: ReadonlyMap<string, number> | undefined): number =>
        holds.reduce((sum, name) => sum + (values?.get(name) ?? 0), 0);
      const busy = sumOf(busyOf[index]);
      if (busy > BUSY_SHARE_MAX * BUSIER || sumOf(bytes) > memoryBytes * MEMORY_SHARE + 1) return undefined;
      busyInAll += busy;
    }
    if (busyInAll > shards.length * BUSY_SHARE * BUSIER) return undefined;
  }
  return cost;
}

/** Of what all costs, a change has to save so much: it makes shards load models and sends users elsewhere, and demand wanders. */
export const WORTH = 0.01;

/** `cost`: what it costs to leave all as it is; undefined where that is no way to go on. */
export const isWorth = ({ objective }: Pick<PlacementPlan, 'objective'>, cost: number | undefined): boolean =>
  cost === undefined || objective < cost * (1 - WORTH);
