// Arithmetic on the contents of shape tensors, names included: what exporters write around Reshape and Slice.
import { add, floorDivide, multiply, smaller, subtract } from '../dims.js';
import type { Dim } from '../value-info.js';
import type { Inferred } from './rule.js';

type Operation = (a: Dim, b: Dim) => Dim | undefined;

const whole = (a: Dim, b: Dim, compute: (a: number, b: number) => number): Dim | undefined =>
  typeof a === 'number' && typeof b === 'number' ? compute(a, b) : undefined;

const BINARY: Readonly<Record<string, Operation>> = {
  Add: add,
  Sub: subtract,
  Mul: multiply,
  // Integers only reach this table; ONNX truncates where floor would round down.
  Div: (a, b) =>
    b === 0
      ? undefined
      : typeof a === 'number' && a < 0
        ? whole(a, b, (x, y) => Math.trunc(x / y))
        : floorDivide(a, b),
  Mod: (a, b) => whole(a, b, (x, y) => ((x % y) + y) % y),
  Min: smaller,
  Max: (a, b) => (a === b ? a : whole(a, b, Math.max)),
  Equal: (a, b) => (a === b ? 1 : whole(a, b, () => 0)),
  Greater: (a, b) => whole(a, b, (x, y) => Number(x > y)),
  GreaterOrEqual: (a, b) => whole(a, b, (x, y) => Number(x >= y)),
  Less: (a, b) => whole(a, b, (x, y) => Number(x < y)),
  LessOrEqual: (a, b) => whole(a, b, (x, y) => Number(x <= y)),
  And: (a, b) => whole(a, b, (x, y) => Number(x !== 0 && y !== 0)),
  Or: (a, b) => whole(a, b, (x, y) => Number(x !== 0 || y !== 0)),
};

/** Elementwise over equal lengths, or one of them a single element. Undefined where any element is not known. */
export function binaryContent(
  opType: string,
  a: Inferred | undefined,
  b: Inferred | undefined,
): Dim[] | undefined {
  const operation = BINARY[opType];
  if (operation === undefined || a?.content === undefined || b?.content === undefined) return undefined;
  const [left, right] = [a.content, b.content];
  if (left.length !== right.length && left.length !== 1 && right.length !== 1) return undefined;
  // Empty against single is empty.
  const length = left.length === 0 || right.length === 0 ? 0 : Math.max(left.length, right.length);
  return known(Array.from({ length }, (_, i) => operation(at(left, i), at(right, i))));
}

export function whereContent(
  condition: Inferred | undefined,
  a: Inferred | undefined,
  b: Inferred | undefined,
): Dim[] | undefined {
  if (condition?.content === undefined || a?.content === undefined || b?.content === undefined)
    return undefined;
  const lists = [condition.content, a.content, b.content];
  const length = Math.max(...lists.map((list) => list.length));
  if (lists.some((list) => list.length !== length && list.length !== 1)) return undefined;
  const [test = [], yes = [], no = []] = lists;
  return known(
    Array.from({ length }, (_, i) => {
      const chosen = at(test, i);
      return typeof chosen === 'number' ? at(chosen !== 0 ? yes : no, i) : undefined;
    }),
  );
}

const at = (list: readonly Dim[], i: number): Dim => list[list.length === 1 ? 0 : i] ?? 0;

function known(content: readonly (Dim | undefined)[]): Dim[] | undefined {
  return content.every((one) => one !== undefined) ? (content as Dim[]) : undefined;
}
