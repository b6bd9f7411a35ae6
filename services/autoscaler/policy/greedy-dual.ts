// Which of many residents leaves when room is short: GreedyDual-Size-Frequency (Cao and Irani 1997; Cherkasova 1998). What is asked
// for often, takes long to bring back and needs little room stays. The floor rises to each victim's credit, so whoever was dear
// once and is not asked for any more is overtaken by those who are. The autoscaler's residency asks.

export interface Resident {
  readonly name: string;
  readonly credit: number;
  readonly bytes: number;
  /** In use, on its way, or just there: it cannot go now. */
  readonly leased: boolean;
}

export interface Room {
  readonly residentsMax: number;
  readonly bytesMax: number;
}

const MIB = 1_048_576;

/** `frequency`: requests, those of long ago counted less; `costMs`: what it takes to bring it back. */
export const creditOf = (floor: number, frequency: number, costMs: number, bytes: number): number =>
  floor + (frequency * costMs) / (Math.max(bytes, 1) / MIB);

/** Those that have to go, the cheapest first; fewer than would be needed when the others are in use. */
export function chooseVictims(residents: readonly Resident[], { residentsMax, bytesMax }: Room): Resident[] {
  let count = residents.length;
  let bytes = residents.reduce((sum, one) => sum + one.bytes, 0);
  const victims: Resident[] = [];
  if (count <= residentsMax && bytes <= bytesMax) return victims;
  for (const one of residents.filter(({ leased }) => !leased).sort((a, b) => a.credit - b.credit)) {
    if (count <= residentsMax && bytes <= bytesMax) break;
    victims.push(one);
    count--;
    bytes -= one.bytes;
  }
  return victims;
}
