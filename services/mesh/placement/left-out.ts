// Why the intelligent policy leaves an endpoint out: who reads it is to know whether more memory, more devices or another wish would help.
import type { PlacementConstraint } from '../../../contracts/placement.js';
import { type Choice, isLeftOut } from './choice.js';
import { BUSY_SHARE, type EndpointSetting, gib, type Option, type Refused } from './setting.js';

/** `busyLeft`: of what the devices of a centre may be kept busy with, the share that is free beside all that are placed. */
export function whyLeftOut(
  setting: EndpointSetting,
  choices: readonly Choice[],
  busyLeft: (centre: number) => number,
): Refused {
  const { endpoint, ratePerS, options } = setting;
  const because = (constraint: PlacementConstraint, reason: string): Refused => ({
    name: endpoint.name,
    constraint,
    reason,
  });
  const cheapest = choices.find((choice) => !isLeftOut(choice));
  if (!cheapest) return because(...neverFits(setting));
  const regions = [...new Set([...options.values()].map(({ centre }) => centre.region))].join(', ');
  const isBusy = cheapest.uses.some(({ centre, busy }) => {
    const devices = (options.get(centre) as Option).centre.shards.length * BUSY_SHARE;
    return busy > busyLeft(centre) * devices;
  });
  if (isBusy)
    return because(
      'capacity',
      `Others leave too little time for its ${Math.ceil(ratePerS)} requests a second in ${regions}.`,
    );
  return because(
    'memory',
    `Others leave too little memory for its replicas of ${gib(endpoint.memoryBytes)} in ${regions}.`,
  );
}

function neverFits(setting: EndpointSetting): [PlacementConstraint, string] {
  const { endpoint, groups, options, ratePerS } = setting;
  const most = (centres: Iterable<number>): number =>
    [...centres].reduce((sum, centre) => {
      const option = options.get(centre);
      return sum + (option ? option.shards * option.ratePerS : 0);
    }, 0);
  const short = (rate: number, centres: Iterable<number>): string =>
    `${Math.ceil(rate)} requests a second, and all shards that may answer them take ${Math.floor(most(centres))}.`;
  for (const { group, options: its } of groups)
    if (group.ratePerS > most(its.keys()))
      return ['capacity', `Group "${group.name}": ${short(group.ratePerS, its.keys())}`];
  if (ratePerS > most(options.keys())) return ['capacity', short(ratePerS, options.keys())];
  const { over, domains, survives } = endpoint.spread;
  return ['spread', `No ${domains} ${over}s carry ${100 * survives} % of it when one of them is lost.`];
}
