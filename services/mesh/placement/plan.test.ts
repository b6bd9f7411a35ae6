import { expect, test } from 'vitest';
import { type PlacementPolicy, PlacementProblem } from '../../../contracts/placement.js';
import { violations } from '../../../bench/peers/placement-checker.js';
import { randomInstance } from '../../../bench/peers/placement-instances.js';
import { seededRandom } from '../random.js';
import { comparePlans, planNow, planWell } from './plan.js';

const GIB = 2 ** 30;
type Input = Parameters<typeof PlacementProblem.parse>[0];
const RULES: PlacementPolicy[] = ['proportional', 'traffic', 'user', 'intelligent'];

const shard = (id: string, region: string, more: object = {}): object => ({
  id,
  region,
  memoryBytes: 8 * GIB,
  pricePerHour: 1,
  ...more,
});
const endpoint = (name: string, groups: object[], more: object = {}): object => ({
  name,
  memoryBytes: GIB,
  runs: { cpu: { serviceMs: 10, ratePerS: 100 } },
  groups,
  ...more,
});
const users = (home: string, ratePerS: number, more: object = {}): object => ({
  name: home,
  home,
  ratePerS,
  ...more,
});
const problem = (shards: object[], endpoints: object[], links: object[] = []): PlacementProblem =>
  PlacementProblem.parse({ shards, endpoints, links } as Input);

const sharesOf = (of: PlacementProblem, policy: PlacementPolicy) =>
  planNow(of, policy).endpoints[0]?.shares['east'];

test('proportional placement gives a region twice as large about twice the replicas', () => {
  const shards = [1, 2, 3, 4]
    .map((i) => shard(`a-${i}`, 'east'))
    .concat([1, 2].map((i) => shard(`b-${i}`, 'west')));
  const endpoints = Array.from({ length: 30 }, (_, i) => endpoint(`e${i}`, [users('west', 5)]));
  const { endpoints: planned, unplaced } = planNow(problem(shards, endpoints), 'proportional');
  expect(unplaced).toEqual([]);
  const east = planned.filter(({ shards: [id] }) => id?.startsWith('a')).length;
  expect(east).toBeGreaterThanOrEqual(15);
  expect(east).toBeLessThanOrEqual(25);
});

test('traffic is served at home, and what home cannot take goes to the nearest region', () => {
  const shards = [shard('a', 'east'), shard('b', 'west'), shard('c', 'north')];
  const links = [
    { between: ['east', 'west'], latencyMs: 80 },
    { between: ['east', 'north'], latencyMs: 20 },
  ];
  expect(sharesOf(problem(shards, [endpoint('e', [users('east', 40)])], links), 'traffic')).toEqual({
    east: 1,
  });
  const busy = sharesOf(problem(shards, [endpoint('e', [users('east', 80)])], links), 'traffic');
  expect(busy?.['north']).toBeGreaterThan(0.2);
  expect(busy?.['west']).toBeUndefined();
});

test('traffic that comes home does so in steps', () => {
  const shards = [shard('a', 'east'), shard('b', 'west')];
  const away = endpoint('e', [users('east', 10, { now: { west: 1 } })]);
  const shares = sharesOf(problem(shards, [away]), 'traffic');
  expect(shares?.['east']).toBeCloseTo(0.1);
  expect(shares?.['west']).toBeCloseTo(0.9);
});

test('a user group stays where it is; a new one goes home; a full home sends it elsewhere as a whole', () => {
  const shards = [shard('a', 'east'), shard('b', 'west')];
  const away = endpoint('e', [users('east', 10, { now: { west: 1 } })]);
  expect(sharesOf(problem(shards, [away]), 'user')).toEqual({ west: 1 });
  expect(sharesOf(problem(shards, [endpoint('e', [users('east', 10)])]), 'user')).toEqual({ east: 1 });
  const first = endpoint('big', [users('east', 60)], { memoryBytes: 2 * GIB });
  const both = planNow(problem(shards, [first, endpoint('e', [users('east', 20)])]), 'user');
  expect(both.endpoints.find(({ name }) => name === 'e')?.shares['east']).toEqual({ west: 1 });
});

test('a user group that no zone of its region holds alone is divided among zones, and stays in the region', () => {
  const zones = ['a', 'b'].map((zone) => shard(zone, 'east', { zone }));
  const shards = [...zones, ...[1, 2, 3].map((i) => shard(`w${i}`, 'west'))];
  expect(sharesOf(problem(shards, [endpoint('e', [users('east', 100)])]), 'user')).toEqual({ east: 1 });
});

const zoned = (count: number): object[] =>
  Array.from({ length: count }, (_, i) => shard(`s${i}`, 'east', { zone: `z${i}` }));

test.each(RULES)(
  '%s places one group of users on four shards of a zone each when it takes all four',
  (policy) => {
    const plan = planNow(problem(zoned(4), [endpoint('e', [users('east', 250)])]), policy);
    expect(plan.unplaced).toEqual([]);
    expect(plan.endpoints[0]?.shards).toHaveLength(4);
  },
);

test.each(RULES)('%s says whether devices or memory are missing', (policy) => {
  const left = (rates: number[], memoryBytes: number, shards = zoned(4)) =>
    planNow(
      problem(
        shards,
        rates.map((rate, i) => endpoint(`e${i}`, [users('east', rate)], { memoryBytes })),
      ),
      policy,
    ).unplaced.map(({ constraint }) => constraint);
  expect(left([1_000], GIB)).toEqual(['capacity']);
  expect(left([1], 9 * GIB)).toEqual(['memory']);
  expect(left([180, 180], GIB)).toEqual(['capacity']);
  expect(left([10, 10], 5 * GIB, zoned(1))).toEqual(['memory']);
});

test.each(RULES)('%s keeps to residency, pools and pins', (policy) => {
  const shards = [
    shard('cheap', 'west', { pricePerHour: 0 }),
    shard('a', 'east'),
    shard('a2', 'east'),
    shard('own', 'east', { pool: 'bank' }),
  ];
  const groups = [
    users('east', 1, { name: 'resident', regions: ['east'] }),
    users('west', 1, { name: 'tenant', pool: 'bank' }),
    users('west', 1, { name: 'pinned', pin: 'a2' }),
  ];
  const [planned] = planNow(problem(shards, [endpoint('e', groups)]), policy).endpoints;
  expect(planned?.shares).toMatchObject({ resident: { east: 1 }, tenant: { east: 1 }, pinned: { east: 1 } });
  expect(planned?.shards).toEqual(expect.arrayContaining(['own', 'a2']));
});

test.each(RULES)('%s spreads over regions, and what is left carries what has to survive', (policy) => {
  const shards = ['east', 'west', 'north'].flatMap((region) =>
    [1, 2].map((i) => shard(`${region}-${i}`, region)),
  );
  const spread = { over: 'region', domains: 2, survives: 1 };
  const [planned] = planNow(
    problem(shards, [endpoint('e', [users('east', 120)], { spread })]),
    policy,
  ).endpoints;
  const regions = new Map<string, number>();
  for (const id of planned?.shards ?? []) {
    const region = id.split('-')[0] as string;
    regions.set(region, (regions.get(region) ?? 0) + 1);
  }
  expect(regions.size).toBeGreaterThanOrEqual(2);
  const total = [...regions.values()].reduce((sum, count) => sum + count, 0);
  for (const count of regions.values()) expect((total - count) * 90).toBeGreaterThanOrEqual(120);
});

test('the solver finds the plan in which both fit where rules of thumb leave one out', async () => {
  const shards = [
    shard('a', 'east', { memoryBytes: 10 * GIB }),
    shard('b', 'west', { memoryBytes: 5 * GIB }),
  ];
  const gpu = { cpu: { serviceMs: 10, ratePerS: 100 } };
  const endpoints = [
    endpoint('small', [users('east', 10)], { memoryBytes: 4 * GIB, runs: gpu }),
    endpoint('large', [users('east', 5)], { memoryBytes: 8 * GIB, runs: gpu }),
  ];
  const plan = await planWell(problem(shards, endpoints));
  expect(plan.unplaced).toEqual([]);
  expect(Object.fromEntries(plan.endpoints.map(({ name, shards: at }) => [name, at]))).toEqual({
    large: ['a'],
    small: ['b'],
  });
});

test('what is rearranged neighbourhood by neighbourhood breaks nothing and costs no more than before', async () => {
  const of = randomInstance(seededRandom(5), {
    regions: 3,
    shards: 9,
    endpoints: 25,
    fill: 0.85,
    heat: 0.6,
  });
  const plan = await planWell(of, { seconds: 1.2, gap: 0.002 });
  expect(violations(of, plan)).toEqual([]);
  const atOnce = planNow(of, 'intelligent', Number.POSITIVE_INFINITY);
  expect(plan.objective).toBeLessThanOrEqual(atOnce.objective + 1e-9);
});

test('all four stand side by side, each with reasons', async () => {
  const shards = [shard('a', 'east'), shard('b', 'west')];
  const plans = await comparePlans(problem(shards, [endpoint('e', [users('east', 10)])]));
  expect(plans.map(({ policy }) => policy)).toEqual(RULES);
  for (const { endpoints } of plans) expect(endpoints[0]?.why).toMatch(/^1 on cpu in (east|west) \(/);
});

test.each([
  ['memory', { memoryBytes: 100 * GIB }, {}, 'split the model'],
  [
    'device',
    { runs: { cuda: { serviceMs: 1, ratePerS: 9 } } },
    {},
    'It runs on cuda, and no shard has that.',
  ],
  ['spread', { spread: { domains: 3 } }, {}, 'only 2 may hold it'],
  ['residency', {}, { regions: ['mars'] }, 'no shard lies in mars'],
  ['pool', {}, { pool: 'bank' }, 'no shard of pool "bank"'],
  ['pin', {}, { pin: 'b', regions: ['east'] }, 'outside of its residency'],
  ['latency', { withinMs: 5 }, {}, 'longer than 5 ms'],
  ['capacity', {}, { ratePerS: 1_000 }, 'replicas'],
] as const)('what cannot be met is named: %s', (constraint, more, group, reason) => {
  const of = problem(
    [shard('a', 'east'), shard('b', 'west')],
    [endpoint('e', [users('east', 1, group)], more)],
  );
  const [refused] = planNow(of, 'user').unplaced;
  expect(refused).toMatchObject({ name: 'e', constraint });
  expect(refused?.reason).toContain(reason);
});

test('a problem that contradicts itself is refused', () => {
  const lost = endpoint('e', [users('east', 1, { pin: 'nowhere' })]);
  expect(() => planNow(problem([shard('a', 'east')], [lost]), 'user')).toThrow('pinned to "nowhere"');
  expect(() => planNow(problem([shard('a', 'east'), shard('a', 'west')], []), 'user')).toThrow('same id');
  for (const bad of [0, Number.NaN])
    expect(() => problem([shard('a', 'east', { memoryBytes: bad })], [])).toThrow(/memoryBytes must be/);
});

test('a centre is busy to no more than its average, although one of its shards could take more', () => {
  const shards = [shard('a', 'east'), shard('b', 'east')];
  // Of two devices 1.4 may be busy: 60 % and 60 % fit, not a third time 60 %.
  const endpoints = ['x', 'y', 'z'].map((name) => endpoint(name, [users('east', 60)]));
  for (const policy of RULES) {
    const { endpoints: planned, unplaced } = planNow(problem(shards, endpoints), policy);
    expect([policy, planned.length, unplaced.length]).toEqual([policy, 2, 1]);
    for (const { ratesPerS } of planned)
      expect(Object.values(ratesPerS).reduce((sum, rate) => sum + rate, 0)).toBeCloseTo(60);
  }
});

test('whoever is left out has a price, and it is those who are asked least', async () => {
  const endpoints = [endpoint('few', [users('east', 1)]), endpoint('many', [users('east', 50)])];
  const full = problem([shard('a', 'east', { memoryBytes: 1.5 * GIB })], endpoints);
  const roomy = planNow(problem([shard('a', 'east')], endpoints), 'intelligent');
  for (const plan of [planNow(full, 'intelligent'), await planWell(full)]) {
    expect(plan.endpoints.map(({ name }) => name)).toEqual(['many']);
    expect(plan.objective).toBeGreaterThan(2 * roomy.objective);
  }
});

test('others go far away so that nobody is left out for whom there is room', async () => {
  const shards = [
    shard('a', 'east', { memoryBytes: 1.5 * GIB }),
    shard('b', 'west', { memoryBytes: 1.5 * GIB }),
  ];
  // To send the many to the west costs 10 an hour, to lay the few down half of one.
  const endpoints = [
    endpoint('few', [users('east', 1, { regions: ['east'] })]),
    endpoint('many', [users('east', 50)]),
  ];
  const of = problem(shards, endpoints, [{ between: ['east', 'west'], latencyMs: 100 }]);
  for (const plan of [planNow(of, 'intelligent'), await planWell(of)])
    expect(plan.endpoints.map(({ name, shards: at }) => [name, at])).toEqual(
      expect.arrayContaining([
        ['few', ['a']],
        ['many', ['b']],
      ]),
    );
});

test('nearly full shards are packed by exchanges: what fits in all is placed', () => {
  // 4 shards of 0.9 x 10 GiB; each endpoint alone is easy, best fit in any order leaves the last one out.
  const sizes = [6, 5, 5, 4, 4, 4, 3, 3, 2].map((gib) => gib * 0.999);
  const shards = ['a', 'b', 'c', 'd'].map((id) => shard(id, 'east', { memoryBytes: 10 * GIB }));
  const endpoints = sizes.map((gib, i) => endpoint(`e${i}`, [users('east', 1)], { memoryBytes: gib * GIB }));
  expect(planNow(problem(shards, endpoints), 'intelligent').unplaced).toEqual([]);
});

test('at most a tenth of what may stay moves, and what cannot stay does not count', () => {
  const shards = [shard('a', 'east', { pricePerHour: 0.01 }), shard('b', 'west', { pricePerHour: 50 })];
  const endpoints = Array.from({ length: 5 }, (_, i) =>
    endpoint(`e${i}`, [users('east', 2, { now: { west: 0.5, mars: 0.5 } })]),
  );
  const plan = planNow(problem(shards, endpoints), 'intelligent');
  expect(plan.unplaced).toEqual([]);
  expect(plan.movedShare).toBeLessThanOrEqual(0.1);
});
