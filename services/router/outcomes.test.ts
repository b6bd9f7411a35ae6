import { expect, test } from 'vitest';
import { Outcomes } from '../../contracts/outcome.js';
import { readOutcomes } from './outcomes.js';

const read = (value: unknown) => readOutcomes(Buffer.from(JSON.stringify(value)));

test('the outcomes of a batch are read as they were written', () => {
  const batch = {
    replica: 's_1',
    inFlight: 3,
    done: [
      ['a', 200, 41.5],
      ['b', 400, 3],
    ],
  };
  expect(read(batch)).toEqual(Outcomes.parse(batch));
});

test.each([
  null,
  7,
  {},
  { replica: 1, inFlight: 0, done: [] },
  { replica: 's', inFlight: 0.5, done: [] },
  { replica: 's', inFlight: 0, done: {} },
  { replica: 's', inFlight: 0, done: [['a', 200]] },
  { replica: 's', inFlight: 0, done: [['a', '200', 1]] },
  { replica: 's', inFlight: 0, done: [[1, 200, 1]] },
  { replica: 's', inFlight: 0, done: Array.from({ length: 4_097 }, () => ['a', 200, 1]) },
])('%o is no batch of outcomes, for the schema neither', (value) => {
  expect(Outcomes.safeParse(value).success).toBe(false);
  expect(read(value)).toBeUndefined();
});

test('bytes that are no JSON are nothing', () => {
  expect(readOutcomes(Buffer.from('{"replica'))).toBeUndefined();
});
