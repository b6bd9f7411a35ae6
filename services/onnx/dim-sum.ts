// Sizes as text and as sums of products: `2*batch+1` and { batch: 2, '': 1 }. dims.ts computes with the latter.
import type { Dim } from './value-info.js';

/** Product of atoms (sorted, joined with *) to its coefficient; '' is the constant term. */
export type Sum = Map<string, number>;

export function parse(dim: Dim): Sum {
  if (typeof dim === 'number') return new Map([['', dim]]);
  const sum: Sum = new Map();
  for (const term of topLevel(dim, '+')) {
    let coefficient = 1;
    const names: string[] = [];
    for (const factor of topLevel(term, '*')) {
      if (/^-?\d+$/.test(factor)) coefficient *= Number(factor);
      else names.push(factor);
    }
    const key = names.sort().join('*');
    sum.set(key, (sum.get(key) ?? 0) + coefficient);
  }
  return sum;
}

export function print(sum: Sum): Dim {
  const terms = [...sum].filter(([, coefficient]) => coefficient !== 0);
  if (terms.every(([product]) => product === ''))
    return terms.reduce((total, [, coefficient]) => total + coefficient, 0);
  return terms
    .sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
    .map(([product, coefficient]) =>
      product === '' ? `${coefficient}` : coefficient === 1 ? product : `${coefficient}*${product}`,
    )
    .join('+');
}

export const factors = (product: string): string[] => (product === '' ? [] : topLevel(product, '*'));

/** Splits outside parentheses only. */
function topLevel(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === separator && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}
