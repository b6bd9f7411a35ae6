// What an endpoint asks of the devices that its replicas run on, as its scaling policy and its placement say. The schedule and the budget
// go by it.
import { PRECEDENCE_USUAL, TENANT_UNNAMED } from '../../../contracts/job-terms.js';
import type { Scaled } from '../sleepy.js';
import type { ServingDemand } from './state.js';

export function demandOf(
  { name, scaling, placement }: Scaled,
  region: string,
): Omit<ServingDemand, 'replicas'> {
  const { budgetPerHour, startMsMax, needs = {} } = scaling;
  const { tenant = TENANT_UNNAMED, priority = PRECEDENCE_USUAL } = scaling;
  const [kind, other] = placement?.devices ?? [];
  return {
    endpoint: name,
    region,
    tenant,
    priority,
    needs: kind !== undefined && other === undefined ? { kind, ...needs } : needs,
    budgetPerHour,
    startMsMax,
  };
}
