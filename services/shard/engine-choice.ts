// Decides which engine a replica goes to: small models of one trust group share a process (an empty one costs 100 MB), large or
// suspect ones get their own, and hot ones live where no loads come.
import type { VersionRecord } from '../../contracts/registry.js';

/** Making a session of more than this blocks the neighbours' requests for too long: 88 MB took 0.6 s. */
const OWN_ENGINE_BYTES = 32 * 1024 * 1024;
/** One death costs each of them a reload. */
export const NEIGHBOURS_MAX = 32;
/** From so many on an engine is one for the many that are seldom asked for; whoever is hot does not stay there. */
export const CROWD = 8;

export type EngineNeed =
  { readonly kind: 'own' } | { readonly kind: 'shared'; readonly group: string; readonly hot: boolean };

export interface EngineRoom {
  readonly id: number;
  /** Undefined: an engine of one replica's own. */
  readonly group: string | undefined;
  readonly replicas: number;
  /** How many of them are hot. */
  readonly hot: number;
  readonly open: boolean;
}

export interface Standing {
  readonly suspect: boolean;
  readonly hot: boolean;
}

export function needOf(
  { card, bytes }: Pick<VersionRecord, 'card' | 'bytes'>,
  { suspect, hot }: Standing,
): EngineNeed {
  if (suspect || card.ownEngine || bytes > OWN_ENGINE_BYTES) return { kind: 'own' };
  return { kind: 'shared', group: card.trustGroup, hot };
}

/**
 * The engine's id; undefined: a fresh one. The fullest that has room, so that others run empty and can end. A load blocks an
 * engine's requests, so none comes to a hot replica but another hot one, and of these there are few.
 */
export function chooseEngine(rooms: readonly EngineRoom[], need: EngineNeed): number | undefined {
  if (need.kind === 'own') return undefined;
  const fits = ({ replicas, hot }: EngineRoom): boolean =>
    need.hot ? hot === replicas && replicas < CROWD / 2 : hot === 0 && replicas < NEIGHBOURS_MAX;
  return rooms
    .filter((room) => room.open && room.group === need.group && fits(room))
    .toSorted((a, b) => b.replicas - a.replicas)[0]?.id;
}

export const isCrowded = ({ replicas }: Pick<EngineRoom, 'replicas'>): boolean => replicas >= CROWD;
