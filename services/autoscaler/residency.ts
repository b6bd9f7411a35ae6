// Which endpoints stay awake in a region where not all of them have room: counts who is asked for, says who has to sleep, and who is
// loaded before it is called. sleepers.ts tells it of every look and writes down what it says.
import { chooseVictims, creditOf, type Resident, type Room } from './policy/greedy-dual.js';
import { choosePreloads, type Expected, type Preloads } from './policy/preload.js';
import { called, firstVisit, nextVisit, type Rhythm, type Visit } from './policy/rhythm.js';

/** What a look at an endpoint that is awake came to. */
export interface Seen {
  /** Requests since some beginning: grows, but for who gave up. */
  readonly arrived: number;
  readonly inUse: boolean;
  /** What it took to wake it. */
  readonly startMs: number;
  readonly bytes: number;
}

interface Entry {
  arrived: number;
  frequency: number;
  atMs: number;
  credit: number;
  bytes: number;
  startMs: number;
  awakeSinceMs: number | undefined;
  leased: boolean;
  rhythm: Rhythm;
  /** When its rhythm says that it is called next. */
  visit: Visit | undefined;
  /** Its daily forecast has expected it until then. */
  foreseenMs: number;
  /** It was loaded before it was called, and nobody has called it since. */
  preloaded: boolean;
}

/** A request counts half after so long. */
const HALF_LIFE_MS = 10 * 60_000;
/** Who was woken is left alone until the answers it was woken for are out and its shard has told of them twice. */
const AGE_MS_MIN = 3_000;
/** What is known of those that sleep is kept, so that who comes back again and again is known for it. */
const KNOWN_MAX = 20_000;
/** A sleeper's forecast is asked that often; until then its last word counts. */
const FORESEEN_MS = 6_000;

export class Residency {
  private floor = 0;
  private readonly known = new Map<string, Entry>();
  /** Of those that were loaded before: how many were called when they were expected, how many were not. */
  readonly preloads = { called: 0, missed: 0 };

  saw(name: string, { arrived, inUse, startMs, bytes }: Seen, nowMs: number): void {
    const before = this.known.get(name);
    const entry: Entry = before ?? {
      arrived,
      frequency: 1,
      atMs: nowMs,
      credit: creditOf(this.floor, 1, startMs, bytes),
      bytes,
      startMs,
      awakeSinceMs: nowMs,
      leased: true,
      rhythm: firstVisit(nowMs),
      visit: undefined,
      foreseenMs: Number.NEGATIVE_INFINITY,
      preloaded: false,
    };
    const fresh = Math.max(0, arrived - entry.arrived);
    entry.arrived = Math.max(entry.arrived, arrived);
    if (fresh > 0) {
      entry.rhythm = called(entry.rhythm, nowMs);
      entry.visit = nextVisit(entry.rhythm);
      if (entry.preloaded) this.preloads.called++;
      entry.preloaded = false;
    }
    if (fresh > 0 || entry.awakeSinceMs === undefined) {
      entry.frequency = entry.frequency * 2 ** ((entry.atMs - nowMs) / HALF_LIFE_MS) + fresh;
      entry.atMs = nowMs;
      entry.credit = creditOf(this.floor, entry.frequency, startMs, bytes);
    }
    entry.awakeSinceMs ??= nowMs;
    entry.bytes = bytes;
    entry.startMs = startMs;
    entry.leased = inUse || nowMs - entry.awakeSinceMs < AGE_MS_MIN;
    // The order of insertion is that of use.
    if (fresh > 0 || !before) {
      this.known.delete(name);
      this.known.set(name, entry);
    }
    const [oldest] = this.known.keys();
    if (this.known.size > KNOWN_MAX && oldest !== undefined) this.known.delete(oldest);
  }

  sleeps(name: string): void {
    const entry = this.known.get(name);
    if (entry) entry.awakeSinceMs = undefined;
  }

  /** The daily forecast of a sleeper says that somebody comes. */
  foresees(name: string, nowMs: number): void {
    const entry = this.known.get(name);
    if (entry) entry.foreseenMs = nowMs + FORESEEN_MS;
  }

  /** Whoever is awake stays awake for it, and who is not may be loaded before. */
  isExpected(name: string, nowMs: number): boolean {
    const entry = this.known.get(name);
    return entry !== undefined && isExpectedNow(entry, nowMs);
  }

  /** Names of those among the awake that have to sleep. */
  crowdedOut(awake: readonly string[], room: Room): string[] {
    const victims = chooseVictims(this.residents(awake), room);
    for (const { name } of victims) this.displace(name);
    return victims.map(({ name }) => name);
  }

  /** Whom to load before it is called, and who makes room; `mayWake` says of a sleeper whether it could be. */
  preload(
    awake: readonly string[],
    room: Room,
    { atOnce, nowMs, mayWake }: { atOnce: number; nowMs: number; mayWake: (name: string) => boolean },
  ): Preloads {
    const soon = this.expected(nowMs).filter(({ name }) => mayWake(name));
    if (soon.length === 0) return { wake: [], sleep: [] };
    const chosen = choosePreloads(soon, this.residents(awake), room, atOnce);
    for (const name of chosen.sleep) this.displace(name);
    for (const name of chosen.wake) {
      const entry = this.known.get(name);
      if (entry) entry.preloaded = true;
    }
    return chosen;
  }

  /** Sleepers that are called soon, with what they will be worth then. A rhythm that was not kept is none any more. */
  private expected(nowMs: number): Expected[] {
    const soon: Expected[] = [];
    for (const [name, entry] of this.known) {
      if (entry.visit && nowMs > entry.visit.missedMs) {
        entry.visit = undefined;
        entry.rhythm = firstVisit(entry.rhythm.lastMs);
        if (entry.preloaded) this.preloads.missed++;
        entry.preloaded = false;
      }
      if (entry.awakeSinceMs !== undefined || !isExpectedNow(entry, nowMs)) continue;
      const frequency = entry.frequency * 2 ** ((entry.atMs - nowMs) / HALF_LIFE_MS) + 1;
      const credit = creditOf(this.floor, frequency, entry.startMs, entry.bytes);
      soon.push({ name, credit, bytes: entry.bytes });
    }
    return soon;
  }

  private residents(awake: readonly string[]): Resident[] {
    const residents: Resident[] = [];
    for (const name of awake) {
      const entry = this.known.get(name);
      if (!entry) continue;
      const { credit, bytes, leased } = entry;
      residents.push({ name, credit, bytes, leased });
    }
    return residents;
  }

  private displace(name: string): void {
    this.floor = Math.max(this.floor, this.known.get(name)?.credit ?? 0);
  }
}

const isExpectedNow = ({ visit, foreseenMs, startMs }: Entry, nowMs: number): boolean =>
  nowMs < foreseenMs || (visit !== undefined && nowMs >= visit.fromMs - startMs && nowMs <= visit.toMs);
