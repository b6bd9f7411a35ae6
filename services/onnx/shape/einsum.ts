// The shape of an Einsum: its letters are sizes.
import { stringOf } from '../attributes.js';
import type { Dim } from '../value-info.js';
import { mismatch, typed, type Rule, type Rules } from './rule.js';

const rule: Rule = (question) => {
  const { node, inputs } = question;
  const [first] = inputs;
  if (first === undefined) return [];
  const equation = stringOf(node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  if (equation.includes('.') || inputs.some((input) => input?.shape === undefined))
    return [typed(first.dataType)];
  const sizes = new Map<string, Dim>();
  left.split(',').forEach((term, i) => {
    const shape = inputs[i]?.shape ?? [];
    if (shape.length !== term.length) throw mismatch(question, `${shape.length} axes for the term ${term}`);
    Array.from(term).forEach((letter, axis) => {
      const known = sizes.get(letter);
      if (known === undefined || known === 1) sizes.set(letter, shape[axis] ?? 1);
    });
  });
  const letters = Array.from(left).filter((letter) => letter !== ',');
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  const result = right === undefined ? once.sort() : Array.from(right);
  return [
    typed(
      first.dataType,
      result.map((letter) => sizes.get(letter) ?? 1),
    ),
  ];
};

export const einsum: Rules = { Einsum: rule };
