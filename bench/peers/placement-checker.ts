// Holds a plan against the problem, from the contract alone: nothing of the planner is used here, so that a mistake of its own does
// not excuse itself.
import type { PlacementPlan, PlacementProblem } from '../../contracts/placement.js';

const EPSILON = 1e-3;

/** One sentence for each constraint that the plan breaks. */
export function violations({ shards, endpoints }: PlacementProblem, plan: PlacementPlan): string[] {
  const found: string[] = [];
  const byId = new Map(shards.map((shard) => [shard.id, shard]));
  const filled = new Map<string, number>();
  const byName = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
  let movedRate = 0;
  let heldRate = 0;
  for (const { name, shards: ids, shares } of plan.endpoints) {
    const endpoint = byName.get(name);
    if (!endpoint) {
      found.push(`${name}: nobody asked for it`);
      continue;
    }
    if (new Set(ids).size !== ids.length) found.push(`${name}: two replicas on one shard`);
    const rates = new Map<string, number>();
    const domains = new Map<string, number>();
    for (const id of ids) {
      const shard = byId.get(id);
      const run = shard?.device === 'cpu' ? endpoint.runs.cpu : endpoint.runs.cuda;
      if (!shard || !run) {
        found.push(`${name}: cannot run on ${id}`);
        continue;
      }
      filled.set(id, (filled.get(id) ?? 0) + endpoint.memoryBytes);
      const rate = run.ratePerS * shard.speed;
      rates.set(shard.region, (rates.get(shard.region) ?? 0) + rate);
      const domain = endpoint.spread.over === 'zone' ? `${shard.region}/${shard.zone ?? ''}` : shard.region;
      domains.set(domain, (domains.get(domain) ?? 0) + rate);
    }
    const loads = new Map<string, number>();
    for (const group of endpoint.groups) {
      const mine = Object.entries(shares[group.name] ?? {});
      const total = mine.reduce((sum, [, share]) => sum + share, 0);
      if (Math.abs(total - 1) > EPSILON) found.push(`${name}/${group.name}: shares add up to ${total}`);
      for (const [region, share] of mine) {
        loads.set(region, (loads.get(region) ?? 0) + share * group.ratePerS);
        if (group.regions && !group.regions.includes(region))
          found.push(`${name}/${group.name}: not in ${region}`);
      }
      const { pin } = group;
      if (pin !== undefined && !ids.includes(pin)) found.push(`${name}/${group.name}: not on ${pin}`);
      const mayStay = Object.entries(group.now ?? {});
      if (mayStay.length > 0) heldRate += group.ratePerS;
      for (const [region, was] of mayStay)
        movedRate += group.ratePerS * Math.max(0, was - (shares[group.name]?.[region] ?? 0));
    }
    for (const [region, load] of loads)
      if (load > 0.7 * (rates.get(region) ?? 0) * (1 + EPSILON))
        found.push(`${name}: ${load}/s in ${region}, room for ${0.7 * (rates.get(region) ?? 0)}`);
    const demand = endpoint.groups.reduce((sum, { ratePerS }) => sum + ratePerS, 0);
    if (domains.size < endpoint.spread.domains) found.push(`${name}: in ${domains.size} domains`);
    for (const lost of domains.keys()) {
      const left = [...domains].reduce((sum, [domain, rate]) => sum + (domain === lost ? 0 : 0.9 * rate), 0);
      if (left * (1 + EPSILON) < endpoint.spread.survives * demand)
        found.push(`${name}: does not survive ${lost}`);
    }
  }
  for (const [id, bytes] of filled)
    if (bytes > 0.9 * (byId.get(id)?.memoryBytes ?? 0)) found.push(`${id}: too full`);
  if (movedRate > 0.1 * heldRate * (1 + EPSILON) + EPSILON)
    found.push(`${(100 * movedRate) / heldRate} % move`);
  return found;
}
