// Which of the sleepers that are expected to be called soon are loaded before, and who makes room for them. Nobody leaves for somebody
// whom it is worth more than, nobody in use leaves at all, and few are loaded at once, so that loads do not crowd out calls.
import type { Resident, Room } from './greedy-dual.js';

export type Expected = Omit<Resident, 'leased'>;

export interface Preloads {
  readonly wake: readonly string[];
  readonly sleep: readonly string[];
}

/** `atOnce`: loads that may begin now. The dearest come first; who does not fit is passed over. */
export function choosePreloads(
  expected: readonly Expected[],
  residents: readonly Resident[],
  { residentsMax, bytesMax }: Room,
  atOnce: number,
): Preloads {
  const wake: string[] = [];
  const sleep: string[] = [];
  let count = residents.length;
  let bytes = residents.reduce((sum, one) => sum + one.bytes, 0);
  let mayLeave = residents.filter(({ leased }) => !leased).toSorted((a, b) => a.credit - b.credit);
  for (const one of expected.toSorted((a, b) => b.credit - a.credit)) {
    if (wake.length >= atOnce) break;
    const leaving: Resident[] = [];
    const isFull = (): boolean =>
      count + 1 - leaving.length > residentsMax || bytes + one.bytes - sumOf(leaving) > bytesMax;
    for (const victim of mayLeave) {
      if (!isFull() || victim.credit >= one.credit) break;
      leaving.push(victim);
    }
    if (isFull()) continue;
    wake.push(one.name);
    sleep.push(...leaving.map(({ name }) => name));
    count += 1 - leaving.length;
    bytes += one.bytes - sumOf(leaving);
    mayLeave = mayLeave.slice(leaving.length);
  }
  return { wake, sleep };
}

const sumOf = (residents: readonly Resident[]): number =>
  residents.reduce((sum, { bytes }) => sum + bytes, 0);
