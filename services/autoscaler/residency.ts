// Which endpoints stay awake in a region where not all of them have room: counts who is asked for, and says who has to sleep. The
// autoscaler tells it of every look and writes down what it says.
import { chooseVictims, creditOf, type Resident, type Room } from './policy/greedy-dual.js';

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
  awakeSinceMs: number | undefined;
  leased: boolean;
}

/** A request counts half after so long. */
const HALF_LIFE_MS = 10 * 60_000;
/** Who was woken is left alone until the answers it was woken for are out and its shard has told of them twice. */
const AGE_MS_MIN = 3_000;
/** What is known of those that sleep is kept, so that who comes back again and again is known for it. */
const KNOWN_MAX = 20_000;

export class Residency {
  private floor = 0;
  private readonly known = new Map<string, Entry>();

  saw(name: string, { arrived, inUse, startMs, bytes }: Seen, nowMs: number): void {
    const before = this.known.get(name);
    const entry: Entry = before ?? {
      arrived,
      frequency: 1,
      atMs: nowMs,
      credit: creditOf(this.floor, 1, startMs, bytes),
      bytes,
      awakeSinceMs: nowMs,
      leased: true,
    };
    const fresh = Math.max(0, arrived - entry.arrived);
    entry.arrived = Math.max(entry.arrived, arrived);
    if (fresh > 0 || entry.awakeSinceMs === undefined) {
      entry.frequency = entry.frequency * 2 ** ((entry.atMs - nowMs) / HALF_LIFE_MS) + fresh;
      entry.atMs = nowMs;
      entry.credit = creditOf(this.floor, entry.frequency, startMs, bytes);
    }
    entry.awakeSinceMs ??= nowMs;
    entry.bytes = bytes;
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

  /** Names of those among the awake that have to sleep. */
  crowdedOut(awake: readonly string[], room: Room): string[] {
    const residents = awake.flatMap((name): Resident[] => {
      const entry = this.known.get(name);
      return entry ? [{ name, credit: entry.credit, bytes: entry.bytes, leased: entry.leased }] : [];
    });
    const victims = chooseVictims(residents, room);
    for (const { credit } of victims) this.floor = Math.max(this.floor, credit);
    return victims.map(({ name }) => name);
  }
}
