import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import { DeployRequest, ModelsRequest, type VersionRecord } from '../../contracts/registry.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { silentLog } from '../mesh/log.js';
import { seededRandom } from '../mesh/random.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { Admission } from './admission.js';
import { BucketLog } from '../mesh/bucket-log.js';
import { Catalog } from './catalog.js';
import { CatalogState } from './catalog-state.js';
import { LifeKeeper } from './lifecycle/life-keeper.js';
import { Lifecycles } from './lifecycle/lifecycles.js';
import type { Told } from './lifecycle/told.js';
import { ReleaseStates } from './release/release-state.js';
import { aSubmission, aVersion, digestOf } from './testing/records.js';

let dir: string;
let nats: NatsServer;
let bus: Bus;
let catalog: Awaited<ReturnType<typeof aCatalog>>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-catalog-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'catalog', region: 'east' });
  await openHomeBuckets(bus, 'east');
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  const manager = await bus.js.jetstreamManager();
  await manager.streams.purge(`KV_${buckets.catalog('east')}`);
  catalog = await aCatalog();
});

const clock = new FakeClock();
const heard: string[] = [];
const told: Told = ({ label }, moves) => heard.push(...moves.map(({ to }) => `${label} ${to}`));
async function aCatalog() {
  const state = new CatalogState(silentLog);
  const log = await BucketLog.open(bus, buckets.catalog('east'), state);
  const catalog = new Catalog({ log, state, clock, random: seededRandom(7) });
  const states = new ReleaseStates(silentLog);
  const releases = { refresh: () => Promise.resolve(false), states };
  const collectAfterMs = 3_600_000;
  return Object.assign(catalog, {
    admission: new Admission({ log, state, clock, told }),
    lifecycles: new Lifecycles({ log, state, releases, clock, told }),
    keeper: new LifeKeeper({ catalogLog: log, state, releases, collectAfterMs, clock, log: silentLog, told }),
  });
}
async function admit(label: string, more: Partial<VersionRecord> = {}, by = catalog): Promise<VersionRecord> {
  const record = aVersion({ label, ...more });
  const admitted = await by.admission.admit(record, aSubmission(record), 0);
  if (admitted.kind === 'look again') throw new Error('a sweep in a test without one');
  return admitted.version;
}
const archiving = (version: string) => ({ model: 'ocr', version, by: 'ada', why: 'old' });
const deploy = (variants: [string, number][] = [], more: object = {}) =>
  catalog.deploy(
    DeployRequest.parse({
      endpoint: 'ocr',
      model: 'ocr',
      variants: variants.map(([version, weight]) => ({ version, weight })),
      ...more,
    }),
  );

test('a version that was admitted is listed, shown by any of its names, and there for another registry at once', async () => {
  const version = await admit('v1');
  const other = await aCatalog();
  await admit('v2');
  for (const word of ['v1', version.digest, version.digest.slice(0, 12)])
    expect((await other.show({ model: 'ocr', version: word })).version.label).toBe('v1');
  expect((await other.show({ model: 'ocr' })).version.label).toBe('v2');
  const { models } = await other.models(ModelsRequest.parse({}));
  expect(models.map(({ model, versions }) => [model, versions.map(({ label }) => label)])).toEqual([
    ['ocr', ['v2', 'v1']],
  ]);
  expect(models[0]?.versions[0]).not.toHaveProperty('bundle');
});

test('a version is immutable: admitted again it is the one that was there', async () => {
  const first = await admit('v1');
  await clock.advance(1_000);
  expect(await admit('v1')).toEqual(first);
});

test('a label names one version for good, also when two registries are asked at the same moment', async () => {
  const other = await aCatalog();
  const results = await Promise.allSettled([
    admit('v1', { digest: digestOf('a') }),
    admit('v1', { digest: digestOf('b') }, other),
  ]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({
    code: 'BAD_REQUEST',
    message: expect.stringContaining('for good'),
  });
  expect((await catalog.models({ model: 'ocr', archived: true })).models[0]?.versions).toHaveLength(1);
});

test('an alias moves, and points to a live version that has another name', async () => {
  await admit('v1');
  await admit('v2');
  await catalog.alias({ model: 'ocr', alias: 'stable', version: 'v1' });
  expect((await catalog.show({ model: 'ocr' })).version.label).toBe('v1');
  await catalog.alias({ model: 'ocr', alias: 'stable', version: 'v2' });
  expect((await catalog.show({ model: 'ocr', version: 'stable' })).version.label).toBe('v2');
  await expect(catalog.alias({ model: 'ocr', alias: 'v1', version: 'v2' })).rejects.toThrow('is a label');
  await expect(admit('stable')).rejects.toThrow('is an alias');
  await catalog.lifecycles.archive(archiving('v1'));
  await expect(catalog.alias({ model: 'ocr', alias: 'old', version: 'v1' })).rejects.toThrow('archived');
});

test('an endpoint keeps its salt while its weights change, and is gone after undeploy', async () => {
  await admit('v1');
  await admit('v2');
  const { endpoint: before } = await deploy([['v1', 10_000]]);
  const { endpoint: after } = await deploy([
    ['v1', 9_000],
    ['v2', 1_000],
  ]);
  expect(after.salt).toBe(before.salt);
  expect(after.variants.map(({ label, weight }) => [label, weight])).toEqual([
    ['v1', 9_000],
    ['v2', 1_000],
  ]);
  expect((await catalog.endpoints()).endpoints).toEqual([after]);
  await catalog.undeploy({ endpoint: 'ocr' });
  expect((await catalog.endpoints()).endpoints).toEqual([]);
  await expect(catalog.undeploy({ endpoint: 'ocr' })).rejects.toMatchObject({ code: 'ENDPOINT_UNKNOWN' });
});

test('weights that do not add up change nothing', async () => {
  await admit('v1');
  await expect(deploy([['v1', 9_999]])).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  expect((await catalog.endpoints()).endpoints).toEqual([]);
});

test('a version that an endpoint uses is not archived, even with weight 0', async () => {
  await admit('v1');
  await admit('v2');
  await deploy([
    ['v1', 0],
    ['v2', 10_000],
  ]);
  await expect(catalog.lifecycles.archive(archiving('v1'))).rejects.toThrow('uses the version "v1"');
  await deploy([['v2', 10_000]]);
  expect((await catalog.lifecycles.archive(archiving('v1'))).version.state).toBe('archived');
  await expect(deploy([['v1', 10_000]])).rejects.toThrow('archived');
  expect((await catalog.models(ModelsRequest.parse({}))).models[0]?.versions).toHaveLength(1);
  expect((await catalog.models({ model: 'ocr', archived: true })).models[0]?.versions).toHaveLength(2);
});

test('states follow the endpoints, also for a registry that takes over in the middle', async () => {
  heard.length = 0;
  for (const label of ['v1', 'v2', 'v3']) await admit(label);
  await deploy([
    ['v1', 10_000],
    ['v2', 0],
  ]);
  const never = new AbortController().signal;
  const cutOff = AbortSignal.abort(new Error('killed'));
  await expect(catalog.keeper.look(cutOff)).rejects.toThrow('killed');
  const other = await aCatalog();
  const lives = async () => {
    await other.keeper.look(never);
    const { versions } = await other.lifecycles.history({ model: 'ocr' });
    return versions.map(({ label, state }) => `${label} ${state}`).sort();
  };
  expect(await lives()).toEqual(['v1 live', 'v2 staged', 'v3 verified']);
  await deploy([
    ['v1', 0],
    ['v2', 10_000],
  ]);
  expect(await lives()).toEqual(['v1 deprecated', 'v2 live', 'v3 verified']);
  expect(await other.keeper.look(never)).toBe(0);
  // Not settled yet when it is archived: what happened meanwhile stands before it in the history.
  await catalog.undeploy({ endpoint: 'ocr' });
  await other.lifecycles.archive(archiving('v2'));
  const [v2] = (await other.lifecycles.history({ model: 'ocr', version: 'v2' })).versions;
  expect(v2?.moves.map(({ to, by, why }) => [to, by, why])).toEqual([
    ['submitted', 'ada', 'pushed'],
    ['verified', 'registry', 'signature, model and files checked'],
    ['staged', 'deploy', 'the endpoint "ocr" loads it'],
    ['live', 'deploy', 'the endpoint "ocr" serves it'],
    ['deprecated', 'registry', 'no endpoint serves it any more'],
    ['archived', 'ada', 'old'],
  ]);
  expect(heard.filter((one) => one.startsWith('v2 '))).toEqual(
    // Submission is told by the push, which this test does without.
    v2?.moves.slice(1).map(({ to }) => `v2 ${to}`),
  );
});

test('deploying and archiving one version at the same moment never leaves an endpoint on an archived one', async () => {
  for (let round = 0; round < 10; round++) {
    await admit(`v${round}`);
    const other = await aCatalog();
    const version = `v${round}`;
    await Promise.allSettled([deploy([[version, 10_000]]), other.lifecycles.archive(archiving(version))]);
    const { version: record } = await catalog.show({ model: 'ocr', version });
    const used = (await catalog.endpoints()).endpoints.some(
      ({ variants }) => variants[0]?.version === record.digest,
    );
    expect([record.state, used]).toEqual(used ? ['verified', true] : ['archived', false]);
  }
});

test('lineage follows the cards, and a parent that nobody pushed is refused', async () => {
  const parent = await admit('v1', { model: 'teacher' });
  await admit('v1', { card: { ...parent.card, parent: parent.digest, method: 'distilled' } });
  const { versions } = await catalog.lineage({ model: 'ocr', version: 'v1' });
  expect(versions.map(({ digest, method }) => [digest, method])).toEqual([
    [digestOf('ocr v1'), 'distilled'],
    [parent.digest, undefined],
  ]);
  const orphan = { ...parent.card, parent: digestOf('nobody') };
  await expect(admit('v2', { card: orphan })).rejects.toThrow('nobody pushed');
});

test('an endpoint that begins asleep wants a place once the autoscaler has spoken of it, or when it does not sleep any more', async () => {
  await admit('v1');
  const placed = async (woken: string[]): Promise<string[]> =>
    (await catalog.wanting(() => woken, true)).endpoints().map(({ name }) => name);
  const scaling = { minReplicas: 0, initialReplicas: 0 };
  await deploy([], { scaling });
  expect([await placed([]), await placed(['ocr', 'nobody'])]).toEqual([[], ['ocr']]);
  await deploy([], { scaling: { ...scaling, initialReplicas: 1 } });
  expect([await placed([]), await placed(['ocr'])]).toEqual([['ocr'], ['ocr']]);
  await catalog.undeploy({ endpoint: 'ocr' });
  expect(await placed(['ocr'])).toEqual([]);
});

test('unknown models and versions are refused by name', async () => {
  await expect(catalog.show({ model: 'nobody' })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
  await admit('v1');
  await expect(catalog.show({ model: 'ocr', version: 'v2' })).rejects.toMatchObject({
    code: 'VERSION_UNKNOWN',
  });
  await expect(catalog.lifecycles.archive({ ...archiving('v1'), version: undefined })).rejects.toThrow(
    'Say which version',
  );
});

test('a record that nobody can read hides itself and nothing else', async () => {
  await admit('v1');
  await (await bus.kv(buckets.catalog('east'))).put('version.ocr.broken', 'not JSON');
  await (await bus.kv(buckets.catalog('east'))).put('endpoint.odd', '{"name":7}');
  await admit('v2');
  const late = await aCatalog();
  expect((await late.models({ model: 'ocr', archived: false })).models[0]?.versions).toHaveLength(2);
  expect((await late.endpoints()).endpoints).toEqual([]);
});
