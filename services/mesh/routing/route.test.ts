import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { seededRandom } from '../random.js';
import { type ReplicaView, type RouteRequest, type RouteTable, route } from './route.js';

const V1 = '1'.repeat(64);
const V2 = '2'.repeat(64);

const endpoint: EndpointRecord = {
  name: 'ocr',
  model: 'ocr',
  variants: [
    { version: V1, label: 'v1', weight: 9_000 },
    { version: V2, label: 'v2', weight: 1_000 },
  ],
  salt: 'ocr-1',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

const replica = (id: string, more: Partial<ReplicaView> = {}): ReplicaView => ({
  id,
  shard: id,
  region: 'east',
  version: V1,
  ready: true,
  fresh: true,
  inFlight: 0,
  capacity: 8,
  latencyMs: 2,
  blocked: false,
  penalty: 0,
  ...more,
});

const table = (replicas: readonly ReplicaView[], record = endpoint): RouteTable => ({
  region: 'east',
  endpoint: (name) => (name === record.name ? record : undefined),
  replicas: (version) => replicas.filter((r) => r.version === version),
});

const one: EndpointRecord = { ...endpoint, variants: [{ version: V1, label: 'v1', weight: 10_000 }] };
const chosen = (replicas: readonly ReplicaView[], request: Partial<RouteRequest> = {}, seed = 1) => {
  const decision = route(table(replicas, one), { endpoint: 'ocr', ...request }, seededRandom(seed));
  return decision.kind === 'replica' ? decision.replica.id : decision.code;
};

test('an unknown endpoint is refused by name', () => {
  expect(route(table([]), { endpoint: 'nothing' }, seededRandom(1))).toMatchObject({
    code: 'ENDPOINT_UNKNOWN',
  });
});

test('a replica of the own region goes before any other', () => {
  expect(chosen([replica('far', { region: 'west' }), replica('near', { inFlight: 7, latencyMs: 900 })])).toBe(
    'near',
  );
});

test('another region helps out when the own one is at capacity, failing, silent, blocked or tried', () => {
  const far = replica('far', { region: 'west' });
  for (const trouble of [
    { inFlight: 8 },
    { penalty: 6_000 },
    { fresh: false },
    { blocked: true },
    { ready: false },
  ])
    expect(chosen([replica('near', trouble), far])).toBe('far');
  expect(chosen([replica('near'), far], { exclude: new Set(['near']) })).toBe('far');
});

test('a replica not heard of lately is asked rather than nobody', () => {
  expect(chosen([replica('silent', { fresh: false })])).toBe('silent');
});

test('residency holds whatever fails: the same version in another region is not asked, by nobody and for no step', () => {
  const resident: EndpointRecord = { ...one, placement: { policy: 'user', regions: ['east'] } };
  const far = replica('far', { region: 'west' });
  const ask = (trouble: Partial<ReplicaView>, record = resident) =>
    route(table([replica('near', trouble), far], record), { endpoint: 'ocr' }, seededRandom(1));
  for (const trouble of [{ ready: false }, { blocked: true }, { inFlight: 8, own: 8 }])
    expect(ask(trouble, one)).toMatchObject({ replica: { id: 'far' } });
  expect(ask({ ready: false })).toMatchObject({
    code: 'NOT_READY',
    message: 'No replica of ocr version v1 is ready in east (1 known).',
  });
  expect(ask({ blocked: true })).toMatchObject({ code: 'BREAKER_OPEN' });
  expect(ask({ inFlight: 8, own: 8 })).toMatchObject({ code: 'MAILBOX_FULL' });
  const stateful = { ...resident, stateful: true };
  const step = { id: 's', start: false, end: false };
  expect(route(table([far], stateful), { endpoint: 'ocr', sequence: step }, seededRandom(1))).toMatchObject({
    code: 'SEQUENCE_LOST',
  });
});

test('the refusal says what kind of nobody it is', () => {
  expect(chosen([])).toBe('NOT_READY');
  expect(chosen([replica('a', { ready: false })])).toBe('NOT_READY');
  expect(chosen([replica('a', { blocked: true })])).toBe('BREAKER_OPEN');
  expect(chosen([replica('a')], { exclude: new Set(['a']) })).toBe('REPLICA_LOST');
});

test('a user keeps version and replica, whatever the dice say', () => {
  const replicas = ['a', 'b', 'c', 'd'].flatMap((id) => [
    replica(`${id}1`),
    replica(`${id}2`, { version: V2 }),
  ]);
  for (let user = 0; user < 200; user++) {
    const first = route(table(replicas), { endpoint: 'ocr', user: `u${user}` }, seededRandom(1));
    const again = route(table(replicas), { endpoint: 'ocr', user: `u${user}` }, seededRandom(2));
    expect(again).toEqual(first);
  }
});

test('a version asked for by label, digest or its first digits bypasses the weights', () => {
  const replicas = [replica('a'), replica('b', { version: V2 })];
  for (const version of ['v2', V2, V2.slice(0, 12)])
    expect(route(table(replicas), { endpoint: 'ocr', version }, () => 0)).toMatchObject({ version: V2 });
  expect(route(table(replicas), { endpoint: 'ocr', version: 'v9' }, () => 0)).toMatchObject({
    code: 'VERSION_UNKNOWN',
    message: expect.stringContaining('v1 (111111111111), v2') as string,
  });
});

test('an endpoint that splits by user refuses calls without one, even while it has one version', () => {
  for (const record of [endpoint, one])
    expect(
      route(table([replica('a')], { ...record, assignment: 'user' }), { endpoint: 'ocr' }, () => 0),
    ).toMatchObject({ code: 'USER_REQUIRED' });
});

test('calls without a user are drawn by weight', () => {
  const random = seededRandom(3);
  const replicas = [replica('a'), replica('b', { version: V2 })];
  let canary = 0;
  for (let i = 0; i < 20_000; i++) {
    const decision = route(table(replicas), { endpoint: 'ocr' }, random);
    if (decision.kind === 'replica' && decision.label === 'v2') canary++;
  }
  expect(Math.abs(canary - 2_000)).toBeLessThan(200);
});

test('among many replicas the bad ones get nothing', () => {
  const many = Array.from({ length: 1_000 }, (_, i) => replica(`r${i}`, i % 3 === 0 ? {} : { fresh: false }));
  for (let seed = 0; seed < 500; seed++) expect(Number(chosen(many, {}, seed).slice(1)) % 3).toBe(0);
});

test('reasons are told on demand and name the bucket, the tier and the choice', () => {
  const decision = route(table([replica('a')]), { endpoint: 'ocr', user: 'ann' }, () => 0, true);
  expect(decision.reasons.join('; ')).toMatch(
    /bucket \d+ of 10000.*1 of 1 replicas are eligible.*a is the user's first choice/,
  );
  expect(route(table([replica('a')]), { endpoint: 'ocr', user: 'ann' }, () => 0).reasons).toEqual([]);
});

test('a pinned user goes to the shard of the pin, and where everybody goes while it cannot answer', () => {
  const pinnedTo = (pins: Record<string, string>, replicas: readonly ReplicaView[]) => {
    const decision = route(
      table(replicas, { ...one, pins }),
      { endpoint: 'ocr', user: 'ada' },
      seededRandom(1),
    );
    return decision.kind === 'replica' ? decision.replica.id : decision.code;
  };
  const others = ['a', 'b', 'c'].map((id) => replica(id));
  for (const shard of ['a', 'b', 'c']) expect(pinnedTo({ ada: shard }, others)).toBe(shard);
  expect(pinnedTo({ ada: 'far' }, [...others, replica('far', { region: 'west' })])).toBe('far');
  const free = pinnedTo({}, others);
  expect(pinnedTo({ ada: 'gone' }, others)).toBe(free);
  expect(pinnedTo({ ada: 'late' }, [...others, replica('late', { ready: false })])).toBe(free);
});

test('a pool answers its tenants and nobody else, and they go nowhere else', () => {
  const record: EndpointRecord = { ...one, placement: { policy: 'user', pools: { acme: 'gold' } } };
  const ask = (replicas: readonly ReplicaView[], tenant?: string) =>
    route(table(replicas, record), { endpoint: 'ocr', tenant }, seededRandom(1));
  const both = [replica('free'), replica('kept', { pool: 'gold', inFlight: 5 })];
  expect(ask(both, 'acme')).toMatchObject({ replica: { id: 'kept' } });
  for (const tenant of [undefined, 'other', 'constructor'])
    expect(ask(both, tenant)).toMatchObject({ replica: { id: 'free' } });
  const none = ask([replica('free')], 'acme');
  expect(none).toMatchObject({ code: 'NOT_READY' });
  expect(none.kind === 'refused' && none.message).toContain('in pool gold');
});

test('whoever asks for what can lie on no shard is told by which of its wishes', () => {
  const places = [
    { region: 'east', device: { kind: 'cpu' } },
    { region: 'west', device: { kind: 'cuda:0', pool: 'gold' } },
  ];
  const told = (placement: Partial<EndpointRecord['placement']>, known = places): string => {
    const record: EndpointRecord = { ...one, placement: { policy: 'user', ...placement } };
    const decision = route(
      { ...table([], record), places: () => known },
      { endpoint: 'ocr' },
      seededRandom(1),
    );
    return decision.kind === 'refused' ? `${decision.code} ${decision.message}` : decision.kind;
  };
  expect(told({ devices: ['cuda'], regions: ['east'] })).toMatch(
    /^NOT_READY .* It can lie nowhere: device: it is to run on cuda, and the shards in east have cpu\.$/,
  );
  expect(told({ devices: ['cuda'] })).toContain('pool: all shards with cuda are kept for the users of pools');
  expect(told({ regions: ['north'] })).toContain('residency: there is no shard in north');
  expect(told({ pool: 'silver' })).toContain('pool: no shard is kept for "silver"');
  for (const fine of [{}, { devices: ['cuda' as const], pool: 'gold' }])
    expect(told(fine)).not.toContain('nowhere');
  // It may only just have begun to listen.
  expect(told({ devices: ['cuda'] }, [])).not.toContain('nowhere');
});
