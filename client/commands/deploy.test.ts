import { expect, test } from 'vitest';
import { UsageError } from '../cli/command.js';
import { readVariant } from './deploy.js';

test('shares are percent, down to one user in ten thousand', () => {
  expect(readVariant('v2=5')).toEqual({ version: 'v2', weight: 500 });
  expect(readVariant('stable=99.99')).toEqual({ version: 'stable', weight: 9_999 });
  expect(readVariant('a=b=0.01')).toEqual({ version: 'a=b', weight: 1 });
  expect(readVariant('v1=5,baseline')).toEqual({ version: 'v1', weight: 500, arm: 'baseline' });
});

test('what is no share is a mistake of the call', () => {
  for (const given of ['v2', 'v2=', '=5', 'v2=101', 'v2=0.001', 'v2=-1', 'v2=5%', 'v2=5,', 'v2=5,a b']) {
    expect(() => readVariant(given)).toThrow(UsageError);
  }
});
