import { expect, test } from 'vitest';
import { arithmeticCases } from './testing/cases-arithmetic.js';
import { checkGradient } from './testing/check.js';

test.each(arithmeticCases.map((one) => [`${one.operator} ${one.name}`, one] as const))(
  'the gradient of %s is what differences say',
  async (_, one) => {
    const { worst } = await checkGradient(one, 7);
    expect(worst).toBeLessThan(1e-3);
  },
);
