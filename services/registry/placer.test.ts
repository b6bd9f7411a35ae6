import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import { type EndpointRecord, type PlacementRecord, placementPart } from '../../contracts/registry.js';
import { ScalingPolicy } from '../../contracts/scaling.js';
import { subjects } from '../../contracts/subjects.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { silentLog } from '../mesh/log.js';
import { seededRandom } from '../mesh/random.js';
import { aReplica } from '../mesh/testing/a-replica.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { planHere } from '../mesh/placement/planner.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { BucketLog } from '../mesh/bucket-log.js';
import { GONE_MS, GONE_WHATEVER_CONSUL_SAYS_MS } from './census.js';
import { PlacementState } from './placement-state.js';
import { Placer } from './placer.js';
import { Scaled } from './scaled.js';
import { aHeartbeat, anEndpoint, digestOf } from './testing/records.js';

let dir: string;
let nats: NatsServer;
let bus: Bus;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-placer-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'placer', region: 'east' });
  await openHomeBuckets(bus, 'east');
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

let clock: FakeClock;
let endpoints: EndpointRecord[];
let endpointsRevision = 0;
let crashes = 0;
/** What Consul says of the east. */
let listed: (shards: string[]) => void;
const running: (() => Promise<void>)[] = [];
beforeEach(async () => {
  await (await bus.js.jetstreamManager()).streams.purge(`KV_${buckets.placement('east')}`);
  clock = new FakeClock();
  crashes = 0;
  endpoints = [anEndpoint('ocr', { v1: 10_000 })];
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((end) => end()));
});

async function aPlacer(epoch: number, scaled?: Scaled) {
  const state = new PlacementState(silentLog);
  const placement = await BucketLog.open(bus, buckets.placement('east'), state);
  const placer = new Placer({
    bus,
    discovery: {
      watchService: (service, region, changed) => {
        if (region !== 'east') return;
        const entry = (id: string) => ({
          id,
          service,
          region,
          tags: [],
          meta: { instance: id },
          passing: true,
        });
        listed = (shards) => changed(shards.map(entry));
      },
    },
    regions: ['east', 'west'],
    placement,
    state,
    wanting: async () => {
      if (crashes-- > 0) throw new TypeError('a mistake of ours');
      return { endpoints: () => endpoints, memoryOf: () => 1_000, revision: endpointsRevision };
    },
    clock,
    random: seededRandom(3),
    log: silentLog,
    planning: planHere,
    scaled,
    unplaced: () => undefined,
  });
  scaled?.onChange(() => placer.nudge());
  const end = new AbortController();
  const ended = placer.run(epoch, end.signal).catch((error: unknown) => error);
  running.push(async () => {
    end.abort();
    await ended;
  });
  await bus.nc.flush();
  return { placer, ended };
}

const beat = (shard: string, state: Heartbeat['state'] = 'ready', region = 'east') =>
  bus.nc.publish(subjects.heartbeat(region, shard), JSON.stringify(aHeartbeat(shard, region, state)));

/** Lets time pass while these shards are heard and all others are silent. */
async function pass(ms: number, ...shards: string[]): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    for (const shard of shards) beat(shard);
    await bus.nc.flush();
    await clock.advance(250);
  }
}

async function placed(): Promise<Record<string, string[]>> {
  const state = new PlacementState(silentLog);
  await BucketLog.open(bus, buckets.placement('east'), state);
  const names = new Map([1, 2, 3].map((i) => [digestOf(`ocr v${i}`), `v${i}`]));
  const sorted = [...state.placements()].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    sorted.map(([shard, versions]) => [
      shard,
      versions.map(({ version }) => names.get(version) ?? '?').toSorted(),
    ]),
  );
}
const untilPlaced = (sentence: string, wanted: Record<string, string[]>) =>
  waitUntil(sentence, async () => {
    expect(await placed()).toEqual(wanted);
    return true;
  });

test('a wanted version is placed on a shard as soon as one is heard, and follows its endpoint', async () => {
  const { placer } = await aPlacer(1);
  beat('shard-east-1');
  await untilPlaced('v1 is placed', { 'shard-east-1': ['v1'] });
  endpoints = [anEndpoint('ocr', { v1: 0, v2: 10_000 })];
  endpointsRevision++;
  placer.nudge();
  await untilPlaced('v2 is placed beside it', { 'shard-east-1': ['v1', 'v2'] });
  endpoints = [];
  endpointsRevision++;
  placer.nudge();
  await untilPlaced('nothing is wanted any more', { 'shard-east-1': [] });
});

test('a shard that flaps for less than five seconds keeps its placement', async () => {
  await aPlacer(1);
  beat('shard-east-1');
  await untilPlaced('it has a place', { 'shard-east-1': ['v1'] });
  beat('shard-east-2');
  await pass(GONE_MS - 500, 'shard-east-2');
  beat('shard-east-1');
  await pass(GONE_MS - 500, 'shard-east-2');
  expect((await placed())['shard-east-1']).toEqual(['v1']);
});

test('what lay on a shard that is gone for good is placed elsewhere, later when Consul still lists it', async () => {
  await aPlacer(1);
  beat('shard-east-1');
  await untilPlaced('it has a place', { 'shard-east-1': ['v1'] });
  listed(['shard-east-1', 'shard-east-2']);
  await pass(GONE_MS + 1_000, 'shard-east-2');
  expect((await placed())['shard-east-1']).toEqual(['v1']);
  listed(['shard-east-2']);
  await untilPlaced('it moved', { 'shard-east-1': [], 'shard-east-2': ['v1'] });
  beat('shard-east-1');
  await pass(1_000, 'shard-east-1', 'shard-east-2');
  expect(await placed()).toEqual({ 'shard-east-1': [], 'shard-east-2': ['v1'] });
});

test('a Consul that is away and lists the dead cannot keep a shard alive', async () => {
  await aPlacer(1);
  beat('shard-east-1');
  await untilPlaced('it has a place', { 'shard-east-1': ['v1'] });
  listed(['shard-east-1']);
  await pass(GONE_WHATEVER_CONSUL_SAYS_MS + 500, 'shard-east-2');
  await untilPlaced('it moved', { 'shard-east-1': [], 'shard-east-2': ['v1'] });
});

test('a draining shard keeps its versions until another one has them', async () => {
  await aPlacer(1);
  beat('shard-east-1');
  await untilPlaced('it has a place', { 'shard-east-1': ['v1'] });
  beat('shard-east-1', 'draining');
  beat('shard-east-2');
  await untilPlaced('both have it', { 'shard-east-1': ['v1'], 'shard-east-2': ['v1'] });
});

test('a region that falls silent as a whole keeps its placements', async () => {
  await aPlacer(1);
  beat('shard-east-1');
  beat('shard-west-1', 'ready', 'west');
  await untilPlaced('both regions have it', { 'shard-east-1': ['v1'], 'shard-west-1': ['v1'] });
  await pass(20_000, 'shard-east-1');
  expect(await placed()).toEqual({ 'shard-east-1': ['v1'], 'shard-west-1': ['v1'] });
});

test('a new leader hears everybody before it moves anything', async () => {
  await aPlacer(1);
  beat('shard-east-1');
  await untilPlaced('it has a place', { 'shard-east-1': ['v1'] });
  await running.pop()?.();
  await aPlacer(2);
  await pass(GONE_MS - 1_000, 'shard-east-2');
  expect(await placed()).toEqual({ 'shard-east-1': ['v1'] });
  beat('shard-east-1');
  await pass(1_000, 'shard-east-1', 'shard-east-2');
  expect(await placed()).toEqual({ 'shard-east-1': ['v1'] });
});

test('a placer of an earlier epoch cannot write once a later one leads, and says that its lease is lost', async () => {
  await aPlacer(1);
  beat('shard-east-1');
  await untilPlaced('it has a place', { 'shard-east-1': ['v1'] });
  await running.pop()?.();
  await aPlacer(2);
  await pass(500, 'shard-east-1');
  await waitUntil('the second one leads', async () => {
    const key = keys.placement('shard-east-1', placementPart(digestOf('ocr v1')));
    const entry = await (await bus.kv(buckets.placement('east'))).get(key);
    return entry?.json<PlacementRecord>().epoch === 2;
  });
  await running.pop()?.();
  endpoints = [anEndpoint('ocr', { v2: 10_000 })];
  expect(await (await aPlacer(1)).ended).toMatchObject({ code: 'LEASE_LOST' });
  expect(await placed()).toEqual({ 'shard-east-1': ['v1'] });
});

test('after the loss of the bucket whatever a shard still has and is not to have leaves with the next record', async () => {
  const gone = `${digestOf('ocr v2').slice(0, 2)}${'0'.repeat(62)}`;
  const replica = aReplica('left', { version: gone });
  const holding = { ...aHeartbeat('shard-east-1', 'east'), replicas: [replica] };
  await aPlacer(1);
  bus.nc.publish(subjects.heartbeat('east', 'shard-east-1'), JSON.stringify(holding));
  await untilPlaced('it has a place', { 'shard-east-1': ['v1'] });
  const key = keys.placement('shard-east-1', placementPart(gone));
  const entry = await waitUntil('its part is empty', async () =>
    (await bus.kv(buckets.placement('east'))).get(key),
  );
  expect(entry.json()).toMatchObject({ versions: [] });
});

test('who is woken comes and who is put to sleep goes, whoever else is there', async () => {
  const wanted = await bus.kv(buckets.scaling('east'), { create: {} });
  const following = new AbortController();
  const scaled = new Scaled();
  await scaled.follow(bus, 'east', following.signal, {});
  running.push(async () => following.abort());
  const scaling = ScalingPolicy.parse({ minReplicas: 0, maxReplicas: 1, initialReplicas: 0 });
  const sleepy = ['nap', 'doze'].map((name) => ({ ...anEndpoint(name, { v1: 10_000 }), scaling }));
  endpoints = [anEndpoint('ocr', { v1: 10_000 }), ...sleepy];
  const word = (endpoint: string, east: number) =>
    wanted.put(keys.wanted(endpoint), JSON.stringify({ endpoint, epoch: 1, regions: { east } }));
  await aPlacer(1, scaled);
  beat('shard-east-1');
  await untilPlaced('nobody is called', { 'shard-east-1': ['v1'] });
  await word('nap', 1);
  await untilPlaced('one is woken', { 'shard-east-1': ['?', 'v1'] });
  await word('doze', 1);
  await word('nap', 0);
  await word('doze', 0);
  await word('nap', 1);
  await untilPlaced('they took turns', { 'shard-east-1': ['?', 'v1'] });
  await word('nap', 0);
  await untilPlaced('both sleep', { 'shard-east-1': ['v1'] });
});

test('a look that crashes is tried anew, and one that always crashes ends the term', async () => {
  crashes = 2;
  const once = await aPlacer(1);
  await pass(2_000, 'shard-east-1');
  await untilPlaced('it has a place after all', { 'shard-east-1': ['v1'] });
  crashes = Number.POSITIVE_INFINITY;
  endpoints = [];
  endpointsRevision++;
  const ended = waitUntil('the term is over', async () => {
    await pass(500, 'shard-east-1');
    return Promise.race([once.ended, Promise.resolve(undefined)]);
  });
  expect(await ended).toBeInstanceOf(TypeError);
});

test('an endpoint with a policy follows the demand that routers report', async () => {
  endpoints = [{ ...anEndpoint('ocr', { v1: 10_000 }), placement: { policy: 'user', regions: ['east'] } }];
  await aPlacer(1);
  bus.nc.publish(subjects.evidence('west'), JSON.stringify({ source: 's' })); // not a report: ignored
  beat('shard-west-1', 'ready', 'west');
  beat('shard-east-1');
  await bus.nc.flush();
  await untilPlaced('it lies in the east alone', { 'shard-east-1': ['v1'] });
});
