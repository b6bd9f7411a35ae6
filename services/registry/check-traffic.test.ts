import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../contracts/registry.js';
import type { Experiment } from '../../contracts/traffic.js';
import { checkTraffic } from './check-traffic.js';
import { anEndpoint } from './testing/records.js';

const check = (given: Partial<EndpointRecord>, others: EndpointRecord[] = []) => {
  checkTraffic({ ...anEndpoint('ocr', { v1: 9_000, v2: 1_000 }), ...given }, others);
};
const experiment: Experiment = {
  group: 'page',
  salt: 'p',
  slots: [[0, 5_000]],
  control: 'v1',
  holdout: [9_000, 10_000],
};
const other = (given: Partial<Experiment>): EndpointRecord => ({
  ...anEndpoint('vad', { v1: 10_000 }),
  experiment: { ...experiment, slots: [[5_000, 9_000]], ...given },
});
const testers = { name: 'testers', match: { users: ['ann'] }, arm: 'v2' };

test('what the endpoint has is accepted', () => {
  check({ rules: [testers], shadow: { arm: 'v2', share: 100, tolerance: 0, compare: true } });
  check({ assignment: 'user', experiment }, [other({}), anEndpoint('plain', { v1: 10_000 })]);
});

test.each<[string, Partial<EndpointRecord>]>([
  [
    'The rule "testers" names the arm "v9"; the endpoint "ocr" has v1, v2',
    { rules: [{ ...testers, arm: 'v9' }] },
  ],
  ['Two rules are called "testers"', { rules: [testers, testers] }],
  ['The shadow names the arm "v9"', { shadow: { arm: 'v9', share: 1, tolerance: 0, compare: true } }],
  ['keeps state', { stateful: true, shadow: { arm: 'v2', share: 1, tolerance: 0, compare: true } }],
  ['What a call without a user gets names the arm "v9"', { withoutUser: { arm: 'v9' } }],
  ['splits by user', { experiment }],
  ["must not be the endpoint's", { assignment: 'user', experiment: { ...experiment, salt: 'salt' } }],
  ['reach into the holdout', { assignment: 'user', experiment: { ...experiment, slots: [[0, 9_001]] } }],
  [
    'twice',
    {
      assignment: 'user',
      experiment: {
        ...experiment,
        slots: [
          [0, 10],
          [5, 20],
        ],
      },
    },
  ],
])('what cannot be honoured is refused with a sentence: %s', (sentence, given) => {
  expect(() => check(given)).toThrow(sentence);
});

test.each<[string, Partial<Experiment>]>([
  ['belong in part to the endpoint "vad"', { slots: [[4_999, 9_000]] }],
  ['has the salt "other"', { salt: 'other' }],
  ['The holdout of the group "page" is 9500 to 10000', { holdout: [9_500, 10_000] }],
  ['two groups with one salt are not independent', { group: 'elsewhere' }],
])('experiments of a group agree, and own slots once: %s', (sentence, theirs) => {
  expect(() => check({ assignment: 'user', experiment }, [other(theirs)])).toThrow(sentence);
});
