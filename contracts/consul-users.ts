// Who has a token of Consul, and what it lets him do: each service registers itself, whoever needs to know who is alive reads that, and
// whoever leads holds his own lock. All else is denied. The rules follow from presence.ts; deploy/local/consul-tokens.ts makes the tokens.
import { BUS_USERS, type BusUser } from './bus-users.js';
import type { Party } from './conversations.js';
import { consulNode, LEASES, leaseService, lockPrefix, LOOKED_FOR, REGISTERED } from './presence.js';

/** The users of the bus that speak to Consul too: services under their own names or together, and the command line, which looks and says nothing. */
export const consulUsers = (Object.keys(BUS_USERS) as BusUser[]).filter((user) =>
  BUS_USERS[user].some((party: Party) => party === 'operator' || REGISTERED.includes(party)),
);

type Access = { readonly policy: 'read' | 'write' };
/** As Consul takes rules in JSON: a kind of resource, its name or prefix, and what may be done. */
export type ConsulRules = Readonly<Record<string, Readonly<Record<string, Access>>>>;

const READ: Access = { policy: 'read' };
const WRITE: Access = { policy: 'write' };

export function rulesOf(user: BusUser, regions: readonly string[]): ConsulRules {
  const parties: readonly Party[] = BUS_USERS[user];
  if (parties.includes('operator')) return LOOKS;
  const own = REGISTERED.filter((party) => parties.includes(party));
  const leases = LEASES.filter((lease) => parties.includes(lease));
  const seeks = (Object.entries(LOOKED_FOR) as [Party, readonly Party[]][]).flatMap(([service, by]) =>
    by.some((party) => parties.includes(party)) ? [service] : [],
  );
  const nodes = regions.map(consulNode);
  return {
    service: {
      ...every(seeks, READ),
      ...every(own, WRITE),
      ...every(leases.map(leaseService), WRITE),
    },
    // Who is alive is told with the node it is alive on.
    ...(seeks.length > 0 && { node: every(nodes, READ) }),
    ...(leases.length > 0 && {
      session: every(nodes, WRITE),
      key: every(
        leases.map((lease) => lockPrefix + lease),
        WRITE,
      ),
    }),
  };
}

/** A Consul server's own: it tells the catalog of its node and of what is registered with it. */
export const agentRules = (region: string): ConsulRules => ({
  node: { [consulNode(region)]: WRITE },
  service_prefix: { '': READ },
});

/** What the other regions' servers fetch tokens and policies with; Consul shows secrets to nobody with less. */
export const REPLICATION_RULES = { acl: 'write', operator: 'write' } as const;

const LOOKS: ConsulRules = {
  agent_prefix: { '': READ },
  node_prefix: { '': READ },
  service_prefix: { '': READ },
  session_prefix: { '': READ },
  key_prefix: { [lockPrefix]: READ },
};

const every = (names: readonly string[], access: Access): Record<string, Access> =>
  Object.fromEntries(names.map((name) => [name, access]));
