// Who has how much of all devices: dominant resource fairness (Ghodsi et al., NSDI 2011). A tenant's share is that of the resource it
// has most of; whoever has the smallest share is served next. Pure; the schedule is made with it.
import type { PoolDevice } from '../../../contracts/scheduling.js';

/** Amounts by resource: devices of one kind and model, and memory in bytes. */
export type Amounts = Readonly<Record<string, number>>;

/** What a node takes of all there is, whatever of it is used: nodes are not shared between tenants. */
export function amountsOf({ kind, model, memoryBytes, count }: PoolDevice): Amounts {
  const devices = { [model === undefined ? kind : `${kind} ${model}`]: count };
  return memoryBytes === undefined ? devices : { ...devices, memory: memoryBytes };
}

export class FairShare {
  private readonly totals = new Map<string, number>();
  private readonly used = new Map<string, Map<string, number>>();

  constructor(pools: readonly { readonly device: PoolDevice; readonly nodesMax: number }[]) {
    for (const { device, nodesMax } of pools)
      for (const [resource, amount] of Object.entries(amountsOf(device)))
        this.totals.set(resource, (this.totals.get(resource) ?? 0) + amount * nodesMax);
  }

  /** `nodes` may be negative: given back. */
  take(tenant: string, device: PoolDevice, nodes = 1): void {
    const used = this.used.get(tenant) ?? new Map<string, number>();
    this.used.set(tenant, used);
    for (const [resource, amount] of Object.entries(amountsOf(device)))
      used.set(resource, (used.get(resource) ?? 0) + amount * nodes);
  }

  /** The dominant share, from 0 to 1; with one more node of this device where one is given. */
  of(tenant: string, more?: PoolDevice): number {
    const added = more === undefined ? {} : amountsOf(more);
    const used = this.used.get(tenant);
    let dominant = 0;
    for (const [resource, total] of this.totals) {
      const amount = (used?.get(resource) ?? 0) + (added[resource] ?? 0);
      if (total > 0) dominant = Math.max(dominant, amount / total);
    }
    return dominant;
  }
}
