// How many replicas the budget of one endpoint pays for, and what the next one would cost: pure. The endpoint's scaler asks before
// anything is written down.
import { poolsFor, satisfies, type SchedulerState, type ServingDemand } from './state.js';

export interface Affordable {
  readonly replicas: number;
  readonly why: string;
}

/** As if all that it needs were bought for it alone, cheapest nodes first; shards that are there without a pool cost nothing. */
export function affordable(
  demand: Omit<ServingDemand, 'replicas'>,
  budgetPerHour: number,
  { pools, fixed }: Pick<SchedulerState, 'pools' | 'fixed'>,
): Affordable {
  const { region, needs } = demand;
  const there = fixed.filter((shard) => shard.region === region && satisfies(shard.device, needs)).length;
  let [replicas, spent] = [there, 0];
  const bought: string[] = [];
  for (const { name, pricePerHour, nodesMax } of poolsFor(demand, pools)) {
    const left = budgetPerHour - spent;
    const nodes = pricePerHour === 0 ? nodesMax : Math.min(nodesMax, Math.floor(left / pricePerHour + 1e-9));
    if (nodes < 1) continue;
    replicas += nodes;
    spent += nodes * pricePerHour;
    bought.push(`${nodes} of ${name} at ${pricePerHour}`);
  }
  const nodes = bought.length > 0 ? bought.join(', ') : 'no node of a pool';
  return {
    replicas,
    why: `a budget of ${budgetPerHour} an hour pays for ${replicas}: ${there} shards that are there, ${nodes}`,
  };
}
