// Which versions are not in the state that the endpoints have put them in. Pure: endpoints and a version in, its next move out. It looks at what is, not
// at what happened, so whoever looks next finds what a process that died had left to do.
import type { VersionState } from '../../../contracts/lifecycle.js';
import type { Digest } from '../../../contracts/names.js';
import { armOf, type EndpointRecord } from '../../../contracts/registry.js';
import type { VersionEvent } from './machine.js';

export interface Use {
  readonly serves: boolean;
  readonly endpoint: string;
  /** Of the release that put it there, when one did. */
  readonly release?: string;
}

export interface DueMove {
  readonly type: VersionEvent['type'];
  readonly why: string;
  readonly release?: string;
}

/** Of a version at several endpoints the one that serves counts. */
export function usesOf(endpoints: Iterable<EndpointRecord>): Map<Digest, Use> {
  const uses = new Map<Digest, Use>();
  for (const endpoint of endpoints) {
    const named = armsNamed(endpoint);
    for (const variant of endpoint.variants) {
      const serves = variant.weight > 0 || named.has(armOf(variant));
      if (uses.get(variant.version)?.serves || (uses.has(variant.version) && !serves)) continue;
      const release = endpoint.release?.id;
      uses.set(variant.version, {
        serves,
        endpoint: endpoint.name,
        ...(release !== undefined && { release }),
      });
    }
  }
  return uses;
}

export function dueMove(state: VersionState, use: Use | undefined): DueMove | undefined {
  const release = use?.release === undefined ? {} : { release: use.release };
  switch (state) {
    case 'verified':
      if (use?.serves) return { type: 'SERVE', why: `the endpoint "${use.endpoint}" serves it`, ...release };
      return use && { type: 'STAGE', why: `the endpoint "${use.endpoint}" loads it`, ...release };
    case 'staged':
      if (use?.serves) return { type: 'SERVE', why: `the endpoint "${use.endpoint}" serves it`, ...release };
      return use ? undefined : { type: 'WITHDRAW', why: 'no endpoint loads it any more' };
    case 'live':
      if (use?.serves) return undefined;
      return use
        ? { type: 'RETIRE', why: `the endpoint "${use.endpoint}" keeps it without traffic`, ...release }
        : { type: 'RETIRE', why: 'no endpoint serves it any more' };
    case 'deprecated':
      return use?.serves
        ? { type: 'SERVE', why: `the endpoint "${use.endpoint}" serves it again`, ...release }
        : undefined;
    case 'submitted':
    case 'archived':
      return undefined;
  }
}

/** Arms that callers reach without a share of the traffic. */
function armsNamed({ rules = [], withoutUser }: EndpointRecord): Set<string> {
  const named = new Set(rules.map(({ arm }) => arm));
  if (typeof withoutUser === 'object') named.add(withoutUser.arm);
  return named;
}
