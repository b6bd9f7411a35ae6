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
const endpoint = (name: string, gib: number, home: string, ratePerS = 5) => ({
  name,
  memoryBytes: gib * GIB,
  runs: { cpu: { serviceMs: 10, ratePerS: 100 } },
  groups: [{ name: home, home, ratePerS }],
});
const settingFor = (shards: object[], endpoints: object[]) => {
  const links = [{ between: ['east', 'west'], latencyMs: 100 }];
  return settingOf(PlacementProblem.parse({ shards, endpoints, links } as Input));
};

/** Two endpoints, each at home in a region of its own that has room for one. */
function changedPlaces() {
  const setting = settingFor(
    [shard('a', 'east', 2), shard('b', 'west', 2)],
    [endpoint('e', 2, 'east'), endpoint('w', 2, 'west')],
  );
  const { choices, offers, prices } = marketOf(setting, effortFor(setting));
  const lying = (e: number, centre: number): number =>
    (offers.first[e] as number) +
    (choices[e] ?? []).findIndex(({ uses }) => uses.length === 1 && uses[0]?.centre === centre);
  return { offers, prices, lying };
}

test('two who lie where the other belongs change places, although neither has room to go first', () => {
  const { offers, prices, lying } = changedPlaces();
  const wrong = Int32Array.of(lying(0, 1), lying(1, 0));
  const right = exchanged(offers, { prices }, wrong, { looks: 10_000, warmth: 0 });
  expect([...right]).toEqual([lying(0, 0), lying(1, 1)]);
});

const settledFor = (...its: Parameters<typeof settingFor>) => {
  const setting = settingFor(...its);
  const limits = () => ({ looks: 10_000, warmth: 0.1 });
  const market = { ...marketOf(setting, effortFor(setting)), scarce: true };
  return settle(setting, market, { care: 'thoroughly', spare: 0, bySums: limits, onShards: limits });
};
const lyingIn = (centre: number, { placed }: ReturnType<typeof settle>): string[] =>
  placed
    .filter(({ allocation }) => allocation.replicas.has(centre))
    .map(({ setting }) => setting.endpoint.name);

test('what fits into a centre by sums and not onto its shards is not laid there', () => {
  // Three of 1.2 are 3.6 of 4, but no shard of 2 has room for two of them.
  const settled = settledFor(
    [shard('a', 'east', 2), shard('b', 'east', 2), shard('c', 'west', 2)],
    [endpoint('x', 1.2, 'east'), endpoint('y', 1.2, 'east'), endpoint('z', 1.2, 'east')],
  );
  expect(settled.unplaced).toEqual([]);
  expect(lyingIn(0, settled)).toHaveLength(2);
});

test('where the best by sums fits onto no shards, the best of what does is found, although two have to go for it', () => {
  // By sums five of 0.7 and one of 0.5 belong into the east, worth 22. On two shards of 2 four of them are, worth 18; with the large one
  // in the place of two of them it is 19.
  const settled = settledFor(
    [
      ...['a', 'b'].map((id) => shard(id, 'east', 2)),
      ...['c', 'd', 'e', 'f'].map((id) => shard(id, 'west', 2)),
    ],
    [
      endpoint('large', 2, 'east', 9),
      ...[4.04, 4.03, 4.02, 4.01, 4].map((rate, i) => endpoint(`middle-${i}`, 0.7, 'east', rate)),
      endpoint('small', 0.5, 'east', 2),
    ],
  );
  expect(settled.unplaced).toEqual([]);
  expect(lyingIn(0, settled)).toEqual(['large', 'middle-0', 'middle-1', 'small']);
});

test('asking the shelves costs as much as looking at many choices', () => {
  const { offers, prices, lying } = changedPlaces();
  const wrong = Int32Array.of(lying(0, 1), lying(1, 0));
  let asked = 0;
  const refusing = { fits: () => (asked++, false), take: () => false, keep: () => undefined };
  exchanged(offers, { prices }, wrong, { looks: 10_000, warmth: 0 }, refusing);
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(25);
});
