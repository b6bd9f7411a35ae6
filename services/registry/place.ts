// Decides which shard holds which version: the placer asks after every change. Pure: wanted and live in, placements out.
// What is placed stays where it is as long as its shard lives; only what is missing is placed anew, by rendezvous, so that
// the loss of one shard moves what lay there and nothing else.
import type { Digest } from '../../contracts/names.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { murmur3 } from '../mesh/murmur3.js';
import { score } from '../mesh/rendezvous.js';
import { mayLie } from '../mesh/placement/may-lie.js';
import type { PlacedVersion, Placements, ShardView, MemoryOf } from '../mesh/placement/shard-view.js';
import { Holding } from './holding.js';

export interface Placing {
  /** Changed for the shards of regions that live, all others as they were. */
  readonly placements: Placements;
  /** What no shard of a region has room for. */
  readonly unplaced: readonly (PlacedVersion & { readonly region: string })[];
}

/** How many replicas of each version a policy wants in a region; undefined where none decides. */
export type ReplicasOf = (endpoint: EndpointRecord, region: string) => number | undefined;

export interface PlaceRules {
  readonly replicasOf?: ReplicasOf;
  /** The same, and no more than that: what the autoscaler says. */
  readonly fixedOf?: ReplicasOf;
  /** Shards, of any region, that are to hold its versions before others do. */
  readonly seatsOf?: (endpoint: EndpointRecord) => ReadonlySet<string>;
  /** Of these versions every endpoint is given; all others stay where they are. Absent: all that are wanted are looked at. */
  readonly only?: ReadonlySet<Digest> | undefined;
}

// Scores lie between 0 and 1.
const SHARE_LEFT = 1;
const NOWHERE: ReadonlySet<string> = new Set();
const NOBODY: readonly Holding[] = [];

export function place(
  endpoints: Iterable<EndpointRecord>,
  shards: readonly ShardView[],
  current: Placements,
  memoryOf: MemoryOf = () => undefined,
  { replicasOf = () => undefined, fixedOf = () => undefined, seatsOf = () => NOWHERE, only }: PlaceRules = {},
): Placing {
  const all = [...endpoints];
  const placements = new Map(current);
  const unplaced: (PlacedVersion & { region: string })[] = [];
  const seats = new Map(all.map((endpoint) => [endpoint, seatsOf(endpoint)]));
  for (const region of new Set(shards.map((shard) => shard.region))) {
    const members = shards.filter((shard) => shard.region === region);
    // Without any live shard it is a region that we cannot see, or one with nowhere to move to: its records stay, so that a
    // region cut off goes on serving when its mirror hears from us again.
    if (members.every((shard) => shard.state === 'gone')) continue;
    // An empty list, or a shard that comes back would take away what lies elsewhere by now.
    for (const shard of members) if (shard.state === 'gone') placements.set(shard.id, []);
    const lookedAt = new Map<string, readonly PlacedVersion[]>();
    const live = members
      .filter((shard) => shard.state !== 'gone')
      .map((shard) => {
        const holds = current.get(shard.id) ?? [];
        lookedAt.set(shard.id, only ? holds.filter(({ version }) => only.has(version)) : holds);
        return new Holding(shard, memoryOf, only && holds.filter(({ version }) => !only.has(version)));
      });
    const held = new Set([...lookedAt.values()].flat().map(({ version }) => version));
    placeRegion(
      wantedVersions(all, region, held, { replicasOf, fixedOf, seats, only }),
      live,
      lookedAt,
      ({ model, version }) => unplaced.push({ model, version, region }),
    );
    for (const member of live) {
      const isAsItWas =
        only && lookedAt.get(member.shard.id)?.length === 0 && member.count === member.staying;
      if (!isAsItWas) placements.set(member.shard.id, member.list());
    }
  }
  return { placements, unplaced };
}

interface Wanted extends PlacedVersion {
  /** Of them, or of these seats, whichever are more. */
  readonly replicas: number;
  readonly seats: ReadonlySet<string>;
  /** The number was decided elsewhere: seats are only where the replicas go first. */
  readonly counted: boolean;
  /** May lie there. */
  readonly endpoints: readonly EndpointRecord[];
  /** A version that comes beside it, replica by replica: where that one lies this one leaves first. */
  readonly yieldsTo: Digest | undefined;
}

interface Wishes {
  readonly replicasOf: ReplicasOf;
  readonly fixedOf: ReplicasOf;
  readonly seats: ReadonlyMap<EndpointRecord, ReadonlySet<string>>;
  readonly only: ReadonlySet<Digest> | undefined;
}

/** Every variant counts, also one of weight 0: it stays resident so that going back to it is a change of weights alone. */
function wantedVersions(
  endpoints: readonly EndpointRecord[],
  region: string,
  held: ReadonlySet<Digest>,
  { replicasOf, fixedOf, seats, only }: Wishes,
): Wanted[] {
  const wanted = new Map<Digest, Wanted>();
  for (const endpoint of endpoints)
    for (const variant of endpoint.variants) {
      const { model, variants, replicasPerRegion } = endpoint;
      const { version } = variant;
      if (only?.has(version) === false) continue;
      const before = wanted.get(version);
      const fixed = variant.replicas?.[region] ?? fixedOf(endpoint, region);
      const asked = fixed ?? replicasOf(endpoint, region) ?? replicasPerRegion;
      const mine = seats.get(endpoint) ?? NOWHERE;
      // Of ten thousand endpoints most sleep: who is neither wanted nor there is no concern of anybody.
      if (asked === 0 && mine.size === 0 && !held.has(version) && !before) continue;
      const successor =
        variant.replicas &&
        variants.find((other) => other.replicas !== undefined && other.version !== version);
      wanted.set(version, {
        model,
        version,
        replicas: before ? Math.max(before.replicas, asked) : asked,
        yieldsTo: successor?.version,
        seats: before && before.seats.size > 0 ? new Set([...before.seats, ...mine]) : mine,
        counted: (before?.counted ?? true) && fixed !== undefined,
        endpoints: before ? [...before.endpoints, endpoint] : [endpoint],
      });
    }
  return [...wanted.values()];
}

function placeRegion(
  wanted: readonly Wanted[],
  members: readonly Holding[],
  current: Placements,
  unplaced: (version: PlacedVersion) => void,
): void {
  const open = members.filter(isOpen);
  const openToAll = open.filter(({ shard }) => shard.device?.pool === undefined).length;
  const holders = holdersNow(members, current);
  const missing: { readonly version: Wanted; readonly count: number }[] = [];
  const unsettled: Wanted[] = [];
  // First what stays, for all versions, so that the load is known before anything new is placed. Of hundreds that are awake all but
  // one are where they are to be.
  for (const version of wanted) {
    const holding = holders.get(version.version) ?? NOBODY;
    if (!isSettled(version, holding)) unsettled.push(version);
    else for (const member of holding) member.add(version);
  }
  for (const version of unsettled.sort((a, b) => (a.version < b.version ? -1 : 1))) {
    const holding = holders.get(version.version) ?? NOBODY;
    const { seats } = version;
    const seated = seats.size === 0 ? NOBODY : open.filter(({ shard }) => seats.has(shard.id));
    const most = version.counted ? version.replicas : Math.max(version.replicas, seated.length);
    const may = holding.filter(
      (member) => isOpen(member) && (seated.includes(member) || mayHold(version, member)),
    );
    const staying = bestFirst(version, may).slice(0, most);
    const leaving = holding.filter((member) => !isOpen(member));
    for (const member of staying) member.add(version);
    for (const member of leaving) member.add(version);
    for (const member of seated)
      if (staying.length < most && !member.has(version.version) && member.hasRoomFor(version.version)) {
        member.add(version);
        staying.push(member);
      }
    const allowed = version.endpoints.every(({ placement }) => !placement)
      ? openToAll
      : open.filter((member) => mayHold(version, member)).length;
    const count = Math.min(version.replicas, allowed) - staying.length;
    if (count > 0) missing.push({ version, count });
    // With all shards draining there is nothing to place on, and nothing to say while one of them still holds it.
    else if (open.length === 0 && leaving.length === 0 && version.replicas > 0) unplaced(version);
  }
  const staying = open.reduce((sum, member) => sum + member.staying, 0);
  const slots = wanted.reduce((sum, { replicas }) => sum + Math.min(replicas, open.length), staying);
  const share = Math.ceil(slots / Math.max(1, open.length));
  for (const { version, count } of missing)
    for (let placed = 0; placed < count; placed++) {
      const chosen = choose(version, open, share);
      if (!chosen) {
        unplaced(version);
        break;
      }
      chosen.add(version);
    }
}

/** It lies where it is to lie, and nowhere else: there it stays. */
function isSettled(version: Wanted, holding: readonly Holding[]): boolean {
  if (version.seats.size > 0 || version.replicas === 0 || holding.length !== version.replicas) return false;
  return holding.every((member) => isOpen(member) && mayHold(version, member));
}

const isOpen = (member: Holding): boolean => member.shard.state === 'open';

const mayHold = ({ endpoints }: Wanted, { shard }: Holding): boolean =>
  endpoints.some((endpoint) => mayLie(endpoint, shard));

function holdersNow(members: readonly Holding[], current: Placements): Map<Digest, Holding[]> {
  const holders = new Map<Digest, Holding[]>();
  for (const member of members)
    for (const { version } of current.get(member.shard.id) ?? []) {
      const holding = holders.get(version);
      if (holding) holding.push(member);
      else holders.set(version, [member]);
    }
  return holders;
}

/** Seats first. Of two that hold a version the one that serves it stays; where its successor is ready, it goes. */
function bestFirst({ version, yieldsTo, seats }: Wanted, holders: readonly Holding[]): readonly Holding[] {
  if (holders.length < 2) return holders;
  const hash = murmur3(version);
  const serves = ({ shard }: Holding): number =>
    (seats.has(shard.id) ? 4 : 0) +
    (shard.ready.has(version) ? 2 : 0) -
    (yieldsTo !== undefined && shard.ready.has(yieldsTo) ? 1 : 0);
  return [...holders].sort((a, b) => serves(b) - serves(a) || score(hash, b.hash) - score(hash, a.hash));
}

/** Rendezvous alone may put three of three versions on one of two shards: who has its share comes after those who have not. */
function choose(wanted: Wanted, members: readonly Holding[], share: number): Holding | undefined {
  const { version } = wanted;
  const hash = murmur3(version);
  let chosen: Holding | undefined;
  let chosenScore = 0;
  for (const member of members) {
    const scored = score(hash, member.hash) + (member.count < share ? SHARE_LEFT : 0);
    // The cheap question first: of a thousand shards only a handful are ever the best so far.
    if (scored <= chosenScore || member.has(version) || !member.hasRoomFor(version)) continue;
    if (!mayHold(wanted, member)) continue;
    chosen = member;
    chosenScore = scored;
  }
  return chosen;
}
