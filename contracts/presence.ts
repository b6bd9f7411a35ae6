// Who is registered in Consul, who looks for whom there, and who contends for which lease; consul-users.ts makes rules of it.
import { PARTIES, type Party } from './conversations.js';

/** A process registers each of its services under the service's own name; an engine is its shard's matter. */
export const REGISTERED = (Object.keys(PARTIES) as Party[]).filter(
  (party) => PARTIES[party] === 'inside' && party !== 'engine',
);

/** Who asks which instances of a service are alive. */
export const LOOKED_FOR: Partial<Record<Party, readonly Party[]>> = {
  shard: ['registry', 'router', 'gateway', 'auditor', 'operator'],
};

/** A lease is named after the service whose instances contend for it. */
export const LEASES = ['registry', 'autoscaler'] as const satisfies readonly Party[];

/** The lock of a lease in Consul's key-value store. */
export const lockPrefix = 'massif/leases/';

/** The service whose check keeps the session of a lease alive. */
export const leaseService = (lease: string): string => `${lease}-lease`;

/** The name of a region's Consul server in its datacenter: sessions belong to a node. */
export const consulNode = (region: string): string => `consul-${region}`;
