// The three placement policies that are rules: to capacity, to traffic, to users. Each says for a group of users which centres
// answer it; by-rule.ts does the rest.
import { murmur3 } from '../murmur3.js';
import { score } from '../rendezvous.js';
import type { Shares } from './allocation.js';
import type { BusyLeft, Rule } from './by-rule.js';
import type { Centre, EndpointSetting, GroupSetting, Option } from './setting.js';

/** Shares follow the capacity of the centres, over as many as the demand needs; rendezvous keeps them when centres come and go. */
export const proportional: Rule = {
  policy: 'proportional',
  demandFactor: 1,
  shares(endpoint, { group }, open) {
    const hash = murmur3(endpoint.endpoint.name);
    const weighed = open.map((centre) => {
      const { shards, ratePerS, centre: at } = optionOf(endpoint, centre);
      const capacity = shards * ratePerS;
      return { centre, capacity, score: score(hash, hashOf(at), capacity) };
    });
    const fastest = Math.max(...open.map((centre) => optionOf(endpoint, centre).ratePerS));
    const least = Math.max(1, Math.floor(group.ratePerS / fastest));
    const chosen: typeof weighed = [];
    let total = 0;
    for (const one of weighed.sort((a, b) => b.score - a.score)) {
      if (chosen.length >= least && total >= group.ratePerS) break;
      chosen.push(one);
      total += one.capacity;
    }
    return new Map(chosen.map(({ centre, capacity }) => [centre, capacity / total]));
  },
};

/** What another region answers comes home, or goes there, in steps of at most this share of the group. */
const STEP = 0.1;
const GROWTH = 1.3;
/** A replica goes when the others would be busy to at most this share of what they may be given. */
const CALM_SHARE = 0.9;

/** Home first, with room for 1.3 times the demand; what does not fit goes to the nearest slack. */
export const traffic: Rule = {
  policy: 'traffic',
  demandFactor: GROWTH,
  shares(endpoint, group, open, left) {
    const nearest = [...open].sort(
      (a, b) =>
        latency(group, a) - latency(group, b) ||
        optionOf(endpoint, a).rateCost - optionOf(endpoint, b).rateCost,
    );
    return inSteps(endpoint, group, open, fill(endpoint, group, nearest, left, GROWTH));
  },
  replicas: (now, needed, load, ratePerS) =>
    needed < now && load > (now - 1) * ratePerS * CALM_SHARE ? now : needed,
};

/** A group stays in one region: where it is, else at home, else where rendezvous of its name puts it. */
export const user: Rule = {
  policy: 'user',
  demandFactor: 1,
  shares(endpoint, group, open, left) {
    const hash = murmur3(`${endpoint.endpoint.name}/${group.group.name}`);
    const { home } = group.group;
    const place = (centre: number): number => {
      const { centre: at, shards } = optionOf(endpoint, centre);
      const stays = group.now.get(at.region) ?? 0;
      return 2 * stays + (at.region === home ? 1.5 : 0) + score(hash, hashOf(at), shards) / 1e6;
    };
    const preferred = [...open].sort((a, b) => place(b) - place(a));
    const regionOf = (centre: number): string => optionOf(endpoint, centre).centre.region;
    for (const region of new Set(preferred.map(regionOf))) {
      const there = preferred.filter((centre) => regionOf(centre) === region);
      const rooms = there.map((centre) => slack(endpoint, centre, left));
      const whole = rooms.findIndex((room) => room >= group.group.ratePerS);
      if (whole >= 0) return new Map([[there[whole] as number, 1]]);
      const all = rooms.reduce((sum, room) => sum + room, 0);
      if (all >= group.group.ratePerS) return fill(endpoint, group, there, left, 1);
    }
    return fill(endpoint, group, preferred, left, 1);
  },
};

/** In this order, each as far as it has slack; the last takes what is left over. */
function fill(
  endpoint: EndpointSetting,
  { group }: Pick<GroupSetting, 'group'>,
  order: readonly number[],
  left: BusyLeft,
  demandFactor: number,
): Map<number, number> {
  const shares = new Map<number, number>();
  let rest = 1;
  for (const centre of order) {
    const fits = slack(endpoint, centre, left) / (group.ratePerS * demandFactor || 1);
    const share = Math.min(rest, fits);
    if (share <= 1e-6) continue;
    shares.set(centre, share);
    rest -= share;
    if (rest <= 1e-9) return shares;
  }
  // Room for growth is a wish, the demand is not.
  if (demandFactor > 1) return fill(endpoint, { group }, order, left, 1);
  const first = order[0] as number;
  return shares.set(first, (shares.get(first) ?? 0) + rest);
}

/** Requests a second that a centre could still be given. */
function slack(endpoint: EndpointSetting, centre: number, left: BusyLeft): number {
  const { shards, ratePerS } = optionOf(endpoint, centre);
  return shards * ratePerS * Math.max(0, left(centre));
}

/** No region's share changes by more than a step, as long as where it is may still answer it. */
function inSteps(
  endpoint: EndpointSetting,
  { now }: GroupSetting,
  open: readonly number[],
  wanted: Map<number, number>,
): Shares {
  const here = [...now.values()].reduce((sum, share) => sum + share, 0);
  if (here < 1 - 1e-6) return wanted;
  const region = (centre: number): string => optionOf(endpoint, centre).centre.region;
  const perRegion = new Map<string, number>();
  for (const [centre, share] of wanted)
    perRegion.set(region(centre), (perRegion.get(region(centre)) ?? 0) + share);
  const moved = [...now].reduce((sum, [name, was]) => sum + Math.max(0, was - (perRegion.get(name) ?? 0)), 0);
  if (moved <= STEP) return wanted;
  const part = STEP / moved;
  const shares = new Map([...wanted].map(([centre, share]) => [centre, share * part]));
  for (const [name, was] of now) {
    const there = open.filter((centre) => region(centre) === name);
    const kept = there.find((centre) => wanted.has(centre)) ?? there[0];
    if (kept === undefined) return wanted;
    shares.set(kept, (shares.get(kept) ?? 0) + was * (1 - part));
  }
  return shares;
}

const latency = ({ options }: GroupSetting, centre: number): number => options.get(centre)?.latencyMs ?? 0;
const optionOf = ({ options }: EndpointSetting, centre: number): Option => options.get(centre) as Option;

const hashes = new WeakMap<Centre, number>();

function hashOf(centre: Centre): number {
  const known = hashes.get(centre) ?? murmur3(`${centre.zone}/${centre.device}/${centre.pricePerHour}`);
  hashes.set(centre, known);
  return known;
}
