// Backward rule of Einsum: the gradient of one operand is again an Einsum, of dY and the other operands.
import { stringOf } from '../attributes.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

const rule: GradientRule = (asked) => {
  const { terms, result } = parse(asked);
  return terms.map((term, i) => {
    if (!asked.wants(i)) return undefined;
    const others = terms.filter((_, j) => j !== i);
    const known = new Set([result, ...others].join(''));
    if (Array.from(term).some((letter) => !known.has(letter)))
      throw asked.refuse('an index that is summed within one operand alone');
    const operands = [asked.dY, ...asked.inputs.filter((_, j) => j !== i)];
    return asked.write.op('Einsum', operands, { equation: `${[result, ...others].join(',')}->${term}` });
  });
};

function parse(asked: Asked): { terms: string[]; result: string } {
  const equation = stringOf(asked.node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  if (equation.includes('.') || terms.some((term) => new Set(term).size !== term.length))
    throw asked.refuse(`the equation ${equation}`);
  return { terms, result: right ?? implicit(terms.join('')) };
}

/** Without an arrow the result has the letters that stand once, in alphabetical order. */
function implicit(letters: string): string {
  return Array.from(letters)
    .filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter))
    .sort()
    .join('');
}

export const einsum: GradientRules = { Einsum: rule };
