// How long a process that died stays down: short at first, because most deaths are accidents, longer when it keeps dying.

const FIRST_MS = 100;
const LONGEST_MS = 5_000;
/** Who lived this long died of something new. */
const FORGIVEN_AFTER_MS = 10_000;

/** The number of deaths in a row, with the one after `livedMs` counted in. */
export function deathsInARow(before: number, livedMs: number): number {
  return livedMs >= FORGIVEN_AFTER_MS ? 1 : before + 1;
}

export function backoffMs(deaths: number): number {
  return Math.min(FIRST_MS * 2 ** (deaths - 1), LONGEST_MS);
}
