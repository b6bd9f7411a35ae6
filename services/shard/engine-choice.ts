// Decides which engine a replica goes to: small models of one trust group share a process (an empty one costs 85 MB), large, hot
// or suspect ones get their own.
import type { VersionRecord } from '../../contracts/registry.js';

/** Making a session of more than this blocks the neighbours' requests for too long: 88 MB took 0.6 s. */
const OWN_ENGINE_BYTES = 32 * 1024 * 1024;
/** One death costs each of them a reload. */
export const NEIGHBOURS_MAX = 32;

export type EngineNeed = { readonly kind: 'own' } | { readonly kind: 'shared'; readonly group: string };

export interface EngineRoom {
  readonly id: number;
  /** Undefined: an engine of one replica's own. */
  readonly group: string | undefined;
  readonly replicas: number;
  readonly open: boolean;
}

export function needOf({ card, bytes }: Pick<VersionRecord, 'card' | 'bytes'>, suspect: boolean): EngineNeed {
  if (suspect || card.ownEngine || bytes > OWN_ENGINE_BYTES) return { kind: 'own' };
  return { kind: 'shared', group: card.trustGroup };
}

/** The engine's id; undefined: a fresh one. The fullest that has room, so that others run empty and can end. */
export function chooseEngine(rooms: readonly EngineRoom[], need: EngineNeed): number | undefined {
  if (need.kind === 'own') return undefined;
  return rooms
    .filter(({ group, replicas, open }) => open && group === need.group && replicas < NEIGHBOURS_MAX)
    .toSorted((a, b) => b.replicas - a.replicas)[0]?.id;
}
