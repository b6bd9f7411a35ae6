// What a feature map shows once something before it was made smaller: its sizes, and which part of the old map they cover. Pooling writes
// it, what follows the pool is fitted to it.

export interface View {
  readonly height: number;
  readonly width: number;
  readonly box: Box;
}

/** A part of a map, in shares of its sides. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

export const WHOLE: Box = { top: 0, left: 0, bottom: 1, right: 1 };

/** Where the middle of an old row lies in the new one of `to` rows; undefined where it was cut off. */
export function newPlace(
  old: number,
  from: number,
  to: number,
  [begin, end]: readonly [number, number],
): number | undefined {
  const place = Math.floor((((old + 0.5) / from - begin) / (end - begin)) * to + ROUNDING);
  return place < 0 || place >= to ? undefined : place;
}

const ROUNDING = 1e-9; // shares of sides are no whole binary fractions

export const rows = ({ top, bottom }: Box): readonly [number, number] => [top, bottom];
export const columns = ({ left, right }: Box): readonly [number, number] => [left, right];
