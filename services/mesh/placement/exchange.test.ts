import { expect, test } from 'vitest';
import { PlacementProblem } from '../../../contracts/placement.js';
import { exchanged } from './exchange.js';
import { effortFor, marketOf } from './market.js';
import { settle } from './settle.js';
import { settingOf } from './setting.js';

const GIB = 2 ** 30;
type Input = Parameters<typeof PlacementProblem.parse>[0];

const shard = (id: string, region: string, gib: number) => ({
  id,
  region,
  memoryBytes: (gib * GIB) / 0.9 + 1,
  pricePerHour: 1,
  speed: 1,
  device: 'cpu',
});
const endpoint = (name: string, gib: number, home: string) => ({
  name,
  memoryBytes: gib * GIB,
  runs: { cpu: { serviceMs: 10, ratePerS: 100 } },
  groups: [{ name: home, home, ratePerS: 5 }],
});
const settingFor = (shards: object[], endpoints: object[]) => {
  const links = [{ between: ['east', 'west'], latencyMs: 100 }];
  return settingOf(PlacementProblem.parse({ shards, endpoints, links } as Input));
};

test('two who lie where the other belongs change places, although neither has room to go first', () => {
  const setting = settingFor(
    [shard('a', 'east', 2), shard('b', 'west', 2)],
    [endpoint('e', 2, 'east'), endpoint('w', 2, 'west')],
  );
  const { choices, offers, prices } = marketOf(setting, effortFor(setting));
  const lying = (e: number, centre: number): number =>
    (offers.first[e] as number) +
    (choices[e] ?? []).findIndex(({ uses }) => uses.length === 1 && uses[0]?.centre === centre);
  const wrong = Int32Array.of(lying(0, 1), lying(1, 0));
  const right = exchanged(offers, prices, wrong, { looks: 10_000, warmth: 0 });
  expect([...right]).toEqual([lying(0, 0), lying(1, 1)]);
});

test('what fits into a centre by sums and not onto its shards makes it be asked for less, until all lies', () => {
  // Three of 1.2 are 3.6 of 4, but no shard of 2 has room for two of them.
  const setting = settingFor(
    [shard('a', 'east', 2), shard('b', 'east', 2), shard('c', 'west', 2)],
    [endpoint('x', 1.2, 'east'), endpoint('y', 1.2, 'east'), endpoint('z', 1.2, 'east')],
  );
  const market = { ...marketOf(setting, effortFor(setting)), scarce: true };
  const limits = (round: number) => (round < 3 ? { looks: 10_000, warmth: 0.1 } : undefined);
  const { chosen, unplaced } = settle(setting, market, { care: 'thoroughly', spare: 0, limits });
  expect(unplaced).toEqual([]);
  const east = chosen.filter(({ replicas }) => replicas.has(0)).length;
  expect(east).toBe(2);
});
