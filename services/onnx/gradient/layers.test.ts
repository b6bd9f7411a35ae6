import { expect, test } from 'vitest';
import { layerCases } from './testing/cases-layers.js';
import { checkGradient } from './testing/check.js';

test.each(layerCases.map((one) => [`${one.operator} ${one.name}`, one] as const))(
  'the gradient of %s is what differences say',
  async (_, one) => {
    const { worst } = await checkGradient(one, 7);
    expect(worst).toBeLessThan(1e-3);
  },
);
