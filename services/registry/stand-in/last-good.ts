// Which version takes over when the one that serves is withheld: of those that served before, the one that did so last. Pure; stand-ins.ts asks.
import type { VersionMove } from '../../../contracts/lifecycle.js';
import type { Digest } from '../../../contracts/names.js';
import type { EndpointRecord, VersionRecord } from '../../../contracts/registry.js';
import { armOf } from '../../../contracts/registry.js';
import type { OrdersOn } from '../../mesh/trust/orders-on.js';
import { underOrders } from '../../mesh/routing/orders-applied.js';
import { nextEpoch } from '../endpoint.js';

type Known = Pick<VersionRecord, 'digest' | 'label' | 'state' | 'moves' | 'collectedAt'>;

/** Best first. A version that never served a caller is nobody's last good one, and what is withheld stands in for nobody. */
export function lastGood<V extends Known>(
  versions: Iterable<V>,
  isWithheld: (version: Digest) => boolean,
): V[] {
  return [...versions]
    .filter(
      ({ digest, state, collectedAt }) =>
        state !== 'archived' && collectedAt === undefined && !isWithheld(digest),
    )
    .flatMap((version) => {
      const until = servedUntil(version.moves);
      return until === undefined ? [] : [{ version, until }];
    })
    .toSorted((a, b) => b.until - a.until)
    .map(({ version }) => version);
}

/** Undefined for one that never was live; later than any time for one that is. */
function servedUntil(moves: readonly VersionMove[]): number | undefined {
  const last = moves.findLastIndex(({ to }) => to === 'live');
  if (last === -1) return undefined;
  const next = moves[last + 1];
  return next === undefined ? Infinity : Date.parse(next.at);
}

/** True when orders leave the endpoint nobody who answers. */
export const isSilenced = (endpoint: EndpointRecord, orders: OrdersOn): boolean =>
  underOrders(endpoint, orders).withheld?.all ?? false;

/** The orders there are, and one more. */
export const alsoWithout = (digest: Digest, orders: OrdersOn): OrdersOn => ({
  version: (one) => (one === digest ? 'as if it were withheld' : orders.version(one)),
  arm: (endpoint, arm) => orders.arm(endpoint, arm),
});

/** Every withheld arm carries the version `good` instead: shares, rules and users stay where they are. */
export function withStandIn(
  endpoint: EndpointRecord,
  good: Pick<VersionRecord, 'digest' | 'label'>,
  orders: OrdersOn,
  nowMs: number,
): EndpointRecord {
  const variants = endpoint.variants.map((variant) =>
    orders.version(variant.version) === undefined
      ? variant
      : { ...variant, version: good.digest, label: good.label, arm: armOf(variant) },
  );
  // The release whose plan this was is over: what happened since is in the versions' history.
  const { release: _release, ...rest } = endpoint;
  return {
    ...rest,
    variants,
    epoch: nextEpoch(endpoint, variants),
    updatedAt: new Date(nowMs).toISOString(),
  };
}
