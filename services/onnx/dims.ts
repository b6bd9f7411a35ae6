// Arithmetic on sizes that may be names: `2*batch+1`, `floor((w+1)/4)`. Equal sizes get equal texts, so that shapes can be
// compared. A size is a sum of products of atoms; an atom is a name or a rounded quotient. Shape inference computes with it.
import { factors, parse, print, type Sum } from './dim-sum.js';
import type { Dim } from './value-info.js';

export function add(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  const sum = parse(a);
  for (const [product, coefficient] of parse(b)) sum.set(product, (sum.get(product) ?? 0) + coefficient);
  return print(sum);
}

export function subtract(a: Dim, b: Dim): Dim {
  return add(a, multiply(b, -1));
}

export function multiply(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const result: Sum = new Map();
  for (const [left, x] of parse(a)) {
    for (const [right, y] of parse(b)) {
      const product = [...factors(left), ...factors(right)].sort().join('*');
      result.set(product, (result.get(product) ?? 0) + x * y);
    }
  }
  return print(result);
}

export function product(dims: readonly Dim[]): Dim {
  return dims.reduce(multiply, 1);
}

export function floorDivide(a: Dim, b: Dim): Dim {
  if (b === 1) return a;
  if (typeof a === 'number' && typeof b === 'number') return Math.floor(a / b);
  return typeof b === 'number' ? floorBy(a, b) : exactQuotient(a, b);
}

export function ceilDivide(a: Dim, b: number): Dim {
  return floorDivide(add(a, b - 1), b);
}

/** The smaller one; of a name and a number it cannot be known, and the text says so. */
export function smaller(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
  if (a === b) return a;
  const difference = subtract(a, b);
  if (typeof difference === 'number') return difference < 0 ? a : b;
  return `min(${[a, b].map(String).sort().join(',')})`;
}

/** Whole multiples of b leave the rounding; floor((floor(x/a)+c)/b) is floor((x+a*c)/(a*b)). */
function floorBy(a: Dim, b: number): Dim {
  const whole: Sum = new Map();
  const rest: Sum = new Map();
  for (const [product, coefficient] of parse(a)) {
    const times = Math.floor(coefficient / b);
    if (times !== 0) whole.set(product, times);
    if (coefficient - times * b !== 0) rest.set(product, coefficient - times * b);
  }
  const remainder = print(rest);
  if (typeof remainder === 'number') return print(whole);
  const nested = [...rest].filter(([product]) => product !== '');
  const inner = /^floor\((.*)\/(\d+)\)$/.exec(nested[0]?.[0] ?? '');
  if (nested.length === 1 && nested[0]?.[1] === 1 && inner?.[1] !== undefined && balanced(inner[1])) {
    const by = Number(inner[2]);
    return add(print(whole), floorBy(add(unwrap(inner[1]), by * (rest.get('') ?? 0)), by * b));
  }
  return add(print(whole), `floor(${wrap(remainder)}/${b})`);
}

/** Division by a name: exact where every term has it (Reshape with -1), else said as it is. */
function exactQuotient(a: Dim, b: Dim): Dim {
  const divisor = [...parse(b)];
  const [only] = divisor;
  if (divisor.length === 1 && only !== undefined) {
    const [name, by] = only;
    const result: Sum = new Map();
    for (const [product, coefficient] of parse(a)) {
      const left = withoutFactors(factors(product), factors(name));
      if (left === undefined || coefficient % by !== 0) return `floor(${wrap(a)}/${wrap(b)})`;
      result.set(left.join('*'), coefficient / by);
    }
    return print(result);
  }
  return String(a) === String(b) ? 1 : `floor(${wrap(a)}/${wrap(b)})`;
}

function withoutFactors(all: readonly string[], gone: readonly string[]): string[] | undefined {
  const left = [...all];
  for (const one of gone) {
    const at = left.indexOf(one);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return left;
}

function balanced(text: string): boolean {
  let depth = 0;
  for (const letter of text) {
    depth += letter === '(' ? 1 : letter === ')' ? -1 : 0;
    if (depth < 0) return false;
  }
  return depth === 0;
}

const wrap = (dim: Dim): string => (typeof dim === 'string' && /[+*]/.test(dim) ? `(${dim})` : String(dim));
const unwrap = (text: string): string =>
  text.startsWith('(') && text.endsWith(')') && balanced(text.slice(1, -1)) ? text.slice(1, -1) : text;
