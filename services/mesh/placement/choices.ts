// The ways in which one endpoint could be placed: small sets of centres, each group of users in the cheapest of the set, or nowhere at
// all. The greedy answer takes one of them for every endpoint, and the search that rearranges it sees in them what an endpoint would like.
import type { Seat } from './allocation.js';
import { type Choice, leftOut } from './choice.js';
import { loadingCostOf, MOVE_PRICE, rateCostOf } from './objective.js';
import {
  allocated,
  type Candidate,
  type Cap,
  NO_SEAT,
  type Part,
  partsOf,
  PLENTY,
  type Scarcity,
  seat,
  seated,
} from './seating.js';
import { domainOf, type EndpointSetting } from './setting.js';
import { stayingOf } from './staying.js';

export interface ChoiceLimits {
  /** Sets are made of these many centres, at least. */
  readonly centres: number;
  /** So many sets of each size are made larger by every centre. */
  readonly beam: number;
  readonly kept: number;
}

/** By which share of which group lies where. */
export type Known = Map<string, Choice>;

/** To be left out is a choice always, and where it `mayStay` to stay is one if the endpoint lies somewhere. */
export function firstKnown(setting: EndpointSetting, mayStay: boolean): Known {
  const known: Known = new Map([[NOBODY, leftOut(setting)]]);
  const staying = mayStay ? stayingOf(setting)?.choice : undefined;
  if (staying) known.set(AS_NOW, staying);
  return known;
}

export const stayingIn = (known: Known): Choice | undefined => known.get(AS_NOW);

const NOBODY = '';
// No key of seats: those begin with the number of a group.
const AS_NOW = 'now';

/** Adds those that are cheapest with what scarcity adds. */
export function learnChoices(
  known: Known,
  setting: EndpointSetting,
  limits: ChoiceLimits,
  scarcity = PLENTY,
): void {
  let candidates = candidatesOf(setting, limits.centres, scarcity);
  let parts = partsOf(setting, candidates, scarcity);
  let sketches = sketchesOf(setting, candidates, parts, limits);
  if (sketches.length === 0) {
    // No few centres are enough.
    candidates = candidatesOf(setting, setting.options.size, scarcity);
    parts = partsOf(setting, candidates, scarcity);
    sketches = filling(candidates, parts);
  }
  for (const sketch of sketches) {
    const seats = seated(candidates, parts, sketch);
    if (!seats) continue;
    const key = keyOf(setting, candidates, sketch, seats);
    if (known.has(key)) continue;
    const choice = allocated(setting, candidates, sketch.set, seats);
    if (choice) known.set(key, choice);
  }
}

/** By their own costs, cheapest first; the last one leaves the endpoint out. */
export const choicesOf = (known: Known): Choice[] => [...known.values()].sort((a, b) => a.cost - b.cost);

interface Sketch {
  readonly set: readonly number[];
  /** The same as bits. */
  readonly mask: number;
  readonly cap: Cap | undefined;
  readonly cost: number;
}

const NOWHERE: Sketch = { set: [], mask: 0, cap: undefined, cost: 0 };

/** So many that cost least, in order; of two that cost the same the one that came first. */
class Shortlist {
  readonly sketches: Sketch[] = [];

  constructor(private readonly most: number) {}

  /** What costs as much or more is not wanted. */
  get limit(): number {
    const { sketches, most } = this;
    return sketches.length < most ? Number.POSITIVE_INFINITY : (sketches[most - 1] as Sketch).cost;
  }

  add(sketch: Sketch): void {
    const { sketches } = this;
    if (sketch.cost >= this.limit) return;
    let at = Math.min(sketches.length, this.most - 1);
    for (; at > 0 && (sketches[at - 1] as Sketch).cost > sketch.cost; at--)
      sketches[at] = sketches[at - 1] as Sketch;
    sketches[at] = sketch;
  }
}

function candidatesOf(setting: EndpointSetting, count: number, scarcity: Scarcity): Candidate[] {
  const options = [...setting.options.values()].map((option): Candidate => {
    const { index } = option.centre;
    return {
      option,
      ratePerS: option.shards * option.ratePerS,
      replicaCost:
        option.replicaCost +
        (setting.held.has(index) ? 0 : loadingCostOf(setting, option)) +
        setting.endpoint.memoryBytes * scarcity.memory(index),
    };
  });
  if (options.length <= count) return options;
  const ranked = setting.groups.map((group) =>
    options
      .filter(({ option }) => group.options.has(option.centre.index))
      .map((candidate) => ({
        candidate,
        cost:
          candidate.replicaCost +
          group.group.ratePerS *
            (rateCostOf(candidate.option, group) +
              scarcity.busy(candidate.option.centre.index) / candidate.option.rateAlonePerS +
              candidate.replicaCost / candidate.option.ratePerS +
              (group.now.size === 0 ? 0 : 1 - (group.now.get(candidate.option.centre.region) ?? 0)) *
                (MOVE_PRICE + scarcity.moving)),
        tie: Math.abs(setting.index - candidate.option.centre.index),
      }))
      .sort((a, b) => a.cost - b.cost || a.tie - b.tie)
      .map(({ candidate }) => candidate),
  );
  const chosen = new Set(ranked.flatMap((list) => list.slice(0, 2)));
  for (let rank = 2; chosen.size < count && ranked.some((list) => rank < list.length); rank++)
    for (const candidate of ranked.flatMap((list) => list[rank] ?? []))
      if (chosen.size < count) chosen.add(candidate);
  addDomains(setting, options, chosen);
  return [...chosen];
}

/** Enough of them for the spread. */
function addDomains(
  { endpoint }: EndpointSetting,
  options: readonly Candidate[],
  chosen: Set<Candidate>,
): void {
  const domains = new Set([...chosen].map(({ option }) => domainOf(endpoint, option.centre)));
  if (domains.size >= endpoint.spread.domains) return;
  for (const candidate of options.toSorted((a, b) => a.replicaCost - b.replicaCost)) {
    if (domains.size >= endpoint.spread.domains) return;
    const domain = domainOf(endpoint, candidate.option.centre);
    if (domains.has(domain)) continue;
    domains.add(domain);
    chosen.add(candidate);
  }
}

/** A search by beam: all single centres, the best of them with one more, and so on. The cheapest, and all single centres. */
function sketchesOf(
  setting: EndpointSetting,
  candidates: readonly Candidate[],
  parts: readonly Part[],
  { beam, kept }: ChoiceLimits,
): Sketch[] {
  const found = new Shortlist(kept);
  // They take less memory: where that is short they are wanted although they cost more.
  const single: Sketch[] = [];
  const loads = new Float64Array(candidates.length);
  const loadsCapped = new Float64Array(candidates.length);
  const sizeMax = Math.min(candidates.length, Math.max(parts.length, setting.endpoint.spread.domains));
  let level: readonly Sketch[] = [NOWHERE];
  for (let size = 1; size <= sizeMax && level.length > 0; size++) {
    const next = new Shortlist(beam);
    for (let i = 0; i < level.length; i++) {
      const smaller = level[i] as Sketch;
      const set = [...smaller.set, 0];
      for (let k = 0; k < candidates.length; k++) {
        const mask = smaller.mask | (1 << k);
        if (mask === smaller.mask || isMadeOf(mask, level, i)) continue;
        set[size - 1] = k;
        const cost = costOfSet(setting, candidates, parts, set, undefined, loads);
        if (cost === undefined) continue;
        if (cost < NO_SEAT && size > 1)
          addCapped(found, setting, candidates, parts, { set, mask }, loads, loadsCapped);
        if (size > 1 && cost >= next.limit && cost >= found.limit) continue;
        const sketch: Sketch = { set: [...set], mask, cap: undefined, cost };
        next.add(sketch);
        if (cost >= NO_SEAT) continue;
        found.add(sketch);
        if (size === 1) single.push(sketch);
      }
    }
    level = next.sketches;
  }
  const others = single.filter((one) => !found.sketches.includes(one));
  return [...found.sketches, ...others.sort((a, b) => a.cost - b.cost)];
}

/** Every part in the cheapest of all that have room; nothing where all together have too little. */
function filling(candidates: readonly Candidate[], parts: readonly Part[]): Sketch[] {
  const loads = new Float64Array(candidates.length);
  const all = candidates.map((_, k) => k);
  const cost = seat(candidates, parts, all, undefined, loads);
  return cost < NO_SEAT ? [{ ...NOWHERE, set: all.filter((k) => (loads[k] as number) > 0), cost }] : [];
}

/** Whether one of the first so many sets makes it with one more centre, too. */
function isMadeOf(mask: number, sets: readonly Sketch[], count: number): boolean {
  for (let i = 0; i < count; i++) {
    const its = (sets[i] as Sketch).mask;
    if ((its & mask) === its) return true;
  }
  return false;
}

/** The same set with a replica less in one centre, where the others take what it cannot. */
function addCapped(
  found: Shortlist,
  setting: EndpointSetting,
  candidates: readonly Candidate[],
  parts: readonly Part[],
  { set, mask }: Pick<Sketch, 'set' | 'mask'>,
  loads: Float64Array,
  loadsCapped: Float64Array,
): void {
  for (const k of set) {
    const each = (candidates[k] as Candidate).option.ratePerS;
    const replicas = (loads[k] as number) / each;
    if (replicas <= 1 || replicas % 1 < 1e-6) continue;
    const cap: Cap = { k, ratePerS: Math.floor(replicas) * each };
    const cost = costOfSet(setting, candidates, parts, set, cap, loadsCapped);
    if (cost === undefined || cost >= NO_SEAT || cost >= found.limit) continue;
    found.add({ set: [...set], mask, cap, cost });
  }
}

/** Loads are left as they come out. Undefined where a smaller set says the same. */
function costOfSet(
  { endpoint }: EndpointSetting,
  candidates: readonly Candidate[],
  parts: readonly Part[],
  set: readonly number[],
  cap: Cap | undefined,
  loads: Float64Array,
): number | undefined {
  loads.fill(0);
  let cost = seat(candidates, parts, set, cap, loads);
  for (const k of set) {
    const { replicaCost, option } = candidates[k] as Candidate;
    const load = (loads[k] as number) / option.ratePerS;
    if (load === 0 && set.length > 1 && endpoint.spread.domains === 1) return undefined;
    cost += (Math.max(1, Math.ceil(load - 1e-9)) - load) * replicaCost;
  }
  return cost;
}

function keyOf(
  { endpoint }: EndpointSetting,
  candidates: readonly Candidate[],
  { set }: Sketch,
  seats: readonly Seat[],
): string {
  // Figures as characters: thousands of keys are made, and written in digits they would take longer than what they save.
  const key: number[] = [];
  // Where none of the users are asked for, a replica is a standby.
  if (endpoint.spread.domains > 1) {
    for (const k of set) key.push((candidates[k] as Candidate).option.centre.index);
    key.sort((a, b) => a - b);
  }
  for (const { g, centre, share } of seats) {
    const parts = Math.round(share * 1e6);
    key.push(g, centre, parts >> 10, parts & 1_023);
  }
  return String.fromCharCode(...key);
}
