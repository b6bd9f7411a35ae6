import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import {
  DeployRequest,
  type PushReply,
  type PushRequest,
  type VersionRecord,
} from '../../contracts/registry.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { silentLog } from '../mesh/log.js';
import { seededRandom } from '../mesh/random.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { identity } from '../onnx/testing/identity.js';
import type { Tale } from '../mesh/tell-audit.js';
import { seeded } from '../onnx/seeded.js';
import { disguised } from '../onnx/testing/disguised.js';
import { mlp } from '../onnx/testing/mlp.js';
import { approval, keyTerm, people } from '../mesh/testing/trust.js';
import { passGate } from '../mesh/trust/gate.js';
import { Approvals } from './approvals.js';
import { Admission } from './admission.js';
import { ArtifactStore } from './artifact-store.js';
import { BucketLog } from '../mesh/bucket-log.js';
import { Catalog } from './catalog.js';
import { CatalogState } from './catalog-state.js';
import { LifeKeeper } from './lifecycle/life-keeper.js';
import { KnownWeights } from './known-weights.js';
import { Lifecycles } from './lifecycle/lifecycles.js';
import { ObjectBucket } from './object-bucket.js';
import { Pusher } from './push.js';
import { ReleaseStates } from './release/release-state.js';
import { Replicator } from './replicator.js';
import { Sweeper } from './sweeper.js';
import { type Files, Publisher, type PushOptions, upload } from './testing/publisher.js';
import { digestOf } from './testing/records.js';

let dir: string;
let nats: NatsServer;
let bus: Bus;
let ada: Publisher;
let registry: Awaited<ReturnType<typeof aRegistry>>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-push-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'push', region: 'east' });
  await openHomeBuckets(bus, 'east');
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  const manager = await bus.js.jetstreamManager();
  const stores = [buckets.artifacts('east'), buckets.uploads('east')].map((bucket) => `OBJ_${bucket}`);
  for (const stream of [...stores, `KV_${buckets.catalog('east')}`]) await manager.streams.purge(stream);
  const kept = await bus.kv(buckets.weights('east'), { create: { history: 1, allow_direct: true } });
  for await (const key of await kept.keys()) await kept.purge(key);
  tales.length = 0;
  ada = new Publisher();
  registry = await aRegistry();
});

// The server stamps uploads with real time; everything else may run on a clock that tests turn.
const clock = new FakeClock(Date.now());
const never = new AbortController().signal;

const told = () => undefined;
const tales: Tale[] = [];

async function aRegistry() {
  const state = new CatalogState(silentLog);
  const log = await BucketLog.open(bus, buckets.catalog('east'), state);
  const gate = (version: VersionRecord) => passGate(version, ada.policy(), { nowMs: clock.now() });
  const catalog = new Catalog({ log, state, clock, random: seededRandom(1), gate });
  const admission = new Admission({ log, state, clock, told });
  const artifacts = await ArtifactStore.open(bus, { bucket: buckets.artifacts('east') });
  const uploads = await ObjectBucket.open(bus, { bucket: buckets.uploads('east') });
  const policy = { current: () => ada.policy() };
  const releases = { refresh: () => Promise.resolve(false), states: new ReleaseStates(silentLog) };
  const approvals = new Approvals({ log, state, policy, clock });
  const weights = await KnownWeights.open(bus, 'east', (tale) => void tales.push(tale), silentLog);
  const pusher = new Pusher({ catalog, admission, uploads, artifacts, policy, clock, weights });
  return {
    catalog,
    admission,
    artifacts,
    approvals,
    pusher,
    lifecycles: new Lifecycles({ log, state, releases, clock, told }),
    keeper: new LifeKeeper({
      catalogLog: log,
      state,
      releases,
      collectAfterMs: 3_600_000,
      clock,
      log: silentLog,
      told,
    }),
    sweeper: new Sweeper({ admission, artifacts, clock, log: silentLog }),
  };
}

const model = mlp(1, 16);
const card = JSON.stringify({ licence: 'Apache-2.0', description: 'digits', trustGroup: 'tests' });
const files: Files = { 'model.onnx': model, 'card.json': card };

async function push(given: Uint8Array | Files = files, options: PushOptions = {}): Promise<PushReply> {
  const request = ada.sign(given, options);
  await upload(bus, request, given);
  return registry.pusher.push(request, never);
}
const labels = async (): Promise<string[]> =>
  (await registry.catalog.models({ archived: true })).models.flatMap(({ versions }) =>
    versions.map((v) => v.label),
  );
/** Refused, and nothing of it can be seen. */
async function refused(request: PushRequest, code: string, sentence: RegExp): Promise<void> {
  await expect(registry.pusher.push(request, never)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(sentence),
  });
  expect(await labels()).toEqual([]);
}

test('a pushed model is a version that says who signed it, what it takes and gives, and how large it is', async () => {
  const { version, created } = await push();
  expect(created).toBe(true);
  expect(version).toMatchObject({
    model: 'ocr',
    label: 'v1',
    state: 'verified',
    moves: [
      { to: 'submitted', by: 'ada', why: 'pushed' },
      { to: 'verified', by: 'registry' },
    ],
    signer: { person: 'ada', fingerprint: ada.key.fingerprint },
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 784], dims: ['batch', ''] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 10], dims: ['batch', ''] }],
    opset: 17,
    parameterCount: 784 * 16 + 16 + 16 * 10 + 10,
    bytes: model.length + card.length,
    card: { licence: 'Apache-2.0', trustGroup: 'tests', runLimitMs: 30_000 },
  });
  expect((await registry.catalog.show({ model: 'ocr' })).version).toEqual(version);
  for (const { digest, bytes } of version.resources)
    expect(await registry.artifacts.bytesOf(digest)).toBe(bytes);
});

test('a known model under another name is told of, refused where the policy says so, and a copy that names its parent is none', async () => {
  const original = mlp(3);
  const { version } = await push(original, { label: 'original' });
  const copy = disguised(original, seeded(4));
  await push(copy, { model: 'mine', label: 'copy' });
  expect(tales).toMatchObject([
    { who: 'ada', action: 'version.copy', outcome: 'done', about: { model: 'mine', of: 'ocr' } },
  ]);
  // Another registry knows it too.
  registry = await aRegistry();
  ada.more = { copies: 'refuse' };
  const again = disguised(original, seeded(5));
  const request = ada.sign(again, { model: 'stolen', label: 'again' });
  await upload(bus, request, again);
  await expect(registry.pusher.push(request, never)).rejects.toMatchObject({
    code: 'MODEL_REFUSED',
    message: expect.stringContaining('weights of'),
  });
  expect(await labels()).not.toContain('again');
  await push(
    { 'model.onnx': again, 'card.json': JSON.stringify({ parent: version.digest }) },
    { model: 'smaller', label: 'child' },
  );
  await push(mlp(4), { model: 'other', label: 'other' });
  expect(tales.map(({ outcome }) => outcome)).toEqual(['done', 'refused']);
});

test('the same version pushed again is the one that is there, needs no upload, and may move aliases', async () => {
  const { version } = await push();
  await (await bus.js.jetstreamManager()).streams.purge(`OBJ_${buckets.uploads('east')}`);
  const again = await registry.pusher.push(ada.sign(files, { aliases: ['stable'] }), never);
  expect(again).toEqual({ version, created: false });
  expect((await registry.catalog.models({ archived: false })).models[0]?.aliases).toEqual({
    stable: version.digest,
  });
  await expect(registry.pusher.push(ada.sign(files, { label: 'v2' }), never)).rejects.toThrow(
    'under the label "v1"',
  );
});

test('of two pushes that race for one label exactly one wins, in one registry or in two', async () => {
  const other = await aRegistry();
  const contenders = [registry, other, registry, other].map(async ({ pusher }, seed) => {
    const request = ada.sign(mlp(seed, 8));
    await upload(bus, request, mlp(seed, 8));
    return pusher.push(request, never);
  });
  const results = await Promise.allSettled(contenders);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'BAD_REQUEST' });
  expect(await labels()).toEqual(['v1']);
});

test('who is unknown, revoked or outside the models they may publish is refused in a sentence', async () => {
  const stranger = new Publisher();
  const foreign = stranger.sign(model);
  await upload(bus, foreign, model);
  await refused(foreign, 'UNSIGNED', /No publisher/);
  ada = new Publisher(['vad-*']);
  await refused(ada.sign(model), 'UNSIGNED', /may publish vad-\*, not ocr/);
  ada = new Publisher();
  ada.revokedAt = '2024-01-01T00:00:00Z';
  await refused(ada.sign(model), 'UNSIGNED', /revoked/);
});

test('a manifest that was changed after signing is refused', async () => {
  const request = ada.sign(model);
  const payload = Buffer.from(request.bundle.dsseEnvelope.payload, 'base64');
  const changed = Buffer.from(payload.toString().replace('"ocr"', '"ocR"')).toString('base64');
  const dsseEnvelope = { ...request.bundle.dsseEnvelope, payload: changed };
  await refused({ ...request, bundle: { ...request.bundle, dsseEnvelope } }, 'UNSIGNED', /signature/);
});

test('files that are not the signed ones are refused: other bytes, other size, one more, one less', async () => {
  const request = ada.sign(files);
  await upload(bus, request, {
    ...files,
    'model.onnx': model.map((byte, i) => (i === 900 ? byte ^ 1 : byte)),
  });
  await refused(request, 'UNSIGNED', /model\.onnx is not what was signed: its digest/);
  await upload(bus, request, { ...files, 'model.onnx': model.subarray(1) });
  await refused(request, 'UNSIGNED', /model\.onnx has \d+ bytes, not \d+/);
  const [first] = request.resources;
  if (!first) throw new Error('nothing to push');
  await refused(
    { ...request, resources: [...request.resources, { ...first, name: 'more' }] },
    'UNSIGNED',
    /not part/,
  );
  await refused({ ...request, resources: [first] }, 'UNSIGNED', /missing/);
});

test('a changed file beside the model is refused as well, and nothing of it stays', async () => {
  const weights = { 'model.onnx': model, 'weights.bin': 'the signed weights' };
  const request = ada.sign(weights);
  await upload(bus, request, { ...weights, 'weights.bin': 'some other weight' + 's' });
  await refused(request, 'UNSIGNED', /weights\.bin/);
  expect([...(await registry.artifacts.list()).keys()]).toEqual([digestOf(model)]);
});

test('what was never uploaded is asked for by name', async () => {
  await refused(ada.sign(files), 'BAD_REQUEST', /model\.onnx .* not uploaded/);
});

test('a file that is no model is MODEL_REFUSED, and a version without a model or with a broken card is refused', async () => {
  const [junk, lonely, odd] = [
    { 'model.onnx': 'not a model' },
    { 'card.json': card },
    { 'model.onnx': model, 'card.json': '{"runLimitMs":"long"}' },
  ];
  for (const given of [junk, lonely, odd]) await upload(bus, ada.sign(given), given);
  await refused(ada.sign(junk), 'MODEL_REFUSED', /./);
  await refused(ada.sign(lonely), 'BAD_REQUEST', /has a file model\.onnx/);
  await refused(ada.sign(odd), 'BAD_REQUEST', /card\.json: runLimitMs/);
});

test('a push whose caller has given up leaves no version', async () => {
  const request = ada.sign(model);
  await upload(bus, request, model);
  await expect(registry.pusher.push(request, AbortSignal.abort(new Error('too late')))).rejects.toThrow(
    'too late',
  );
  expect(await labels()).toEqual([]);
});

test('left-overs of refused pushes are swept once they are old; what a version refers to stays', async () => {
  const kept = await push();
  const request = ada.sign({ 'model.onnx': mlp(2, 8), 'weights.bin': 'right' }, { label: 'v2' });
  await upload(bus, request, { 'model.onnx': mlp(2, 8), 'weights.bin': 'wrong' });
  await expect(registry.pusher.push(request, never)).rejects.toThrow('weights.bin');
  expect(await registry.sweeper.sweep(never)).toBe(0);
  await clock.advance(11 * 60_000);
  expect(await registry.sweeper.sweep(never)).toBe(1);
  expect(await registry.artifacts.bytesOf(digestOf(mlp(2, 8)))).toBeUndefined();
  for (const { digest } of kept.version.resources)
    expect(await registry.artifacts.bytesOf(digest)).toBeGreaterThan(0);
});

test('a push that counted on a file which a sweep takes away copies it again', async () => {
  const small = identity();
  await registry.artifacts.write(digestOf(small), async function* () {
    yield small;
  });
  await clock.advance(11 * 60_000);
  const request = ada.sign(small);
  await upload(bus, request, small);
  const pushed = registry.pusher.push(request, never);
  await Promise.all([pushed, registry.sweeper.sweep(never)]).catch(async (error: unknown) => {
    // The sweep was in the way at that very moment: pushed again it goes through.
    expect(error).toMatchObject({ code: 'CONFLICT' });
    await registry.pusher.push(request, never);
  });
  expect(await labels()).toEqual(['v1']);
  expect(await registry.artifacts.bytesOf(digestOf(small))).toBe(small.length);
});

test('a sweep that died in the middle is finished by the next one, and until then pushes of its files wait', async () => {
  const small = identity();
  await registry.admission.beginSweep(() => [digestOf(small)]);
  const request = ada.sign(small);
  await upload(bus, request, small);
  await expect(registry.pusher.push(request, never)).rejects.toMatchObject({ code: 'CONFLICT' });
  await (await aRegistry()).sweeper.sweep(never);
  await registry.pusher.push(request, never);
  expect(await registry.artifacts.bytesOf(digestOf(small))).toBe(small.length);
});

const archiving = (version: string) => ({ model: 'ocr', version, by: 'bob', why: 'too old' });

test('an archived version gives up the files that no other has, in the other regions too, and a push brings them back', async () => {
  const { version } = await push({ 'model.onnx': model, 'weights.bin': 'its own' });
  await push({ 'model.onnx': model, 'card.json': card }, { label: 'v2' });
  const [shared, own] = [digestOf(model), digestOf('its own')];
  const { keeper, sweeper, artifacts, lifecycles, admission } = registry;
  const away = await ArtifactStore.open(bus, { bucket: buckets.artifacts('west') });
  for (const digest of [shared, own]) await away.write(digest, () => artifacts.read(digest));
  await lifecycles.archive(archiving('v1'));
  expect(await keeper.look(never)).toBe(0);
  await clock.advance(3_600_000);
  expect(await keeper.look(never)).toBe(1);
  expect(await sweeper.sweep(never)).toBe(1);
  expect(await artifacts.bytesOf(own)).toBeUndefined();
  expect(await artifacts.bytesOf(shared)).toBe(model.length);

  const ended = new AbortController();
  const replicator = new Replicator({
    home: artifacts,
    regions: ['west'],
    open: () => Promise.resolve(away),
    wanted: () => admission.referenced(),
    clock,
    random: seededRandom(1),
    log: silentLog,
    missing: () => undefined,
  });
  const running = replicator.run(ended.signal);
  await waitUntil('the west follows', async () => (await away.bytesOf(own)) === undefined);
  expect(await away.bytesOf(shared)).toBe(model.length);
  ended.abort();
  await running;

  const [life] = (await lifecycles.history({ model: 'ocr', version: 'v1' })).versions;
  expect(life?.collectedAt).toBeDefined();
  const again = await push({ 'model.onnx': model, 'weights.bin': 'its own' });
  expect(again.version).toMatchObject({
    digest: version.digest,
    createdAt: version.createdAt,
    state: 'verified',
  });
  expect(again.version.collectedAt).toBeUndefined();
  expect(again.version.moves.map(({ to, by }) => `${to} ${by}`)).toEqual([
    'submitted ada',
    'verified registry',
    'archived bob',
    'submitted ada',
    'verified registry',
  ]);
  await expectWhole(again.version.resources);
});

test('a push that was cut off is seen as submitted, goes on under its first date, and is forgotten with its upload', async () => {
  const request = ada.sign(model);
  const [digest] = [digestOf('a version that never came')];
  const submission = await registry.admission.submit({ model: 'ocr', digest, label: 'v9', by: 'ada' });
  await clock.advance(60_000);
  const fresh = await aRegistry();
  expect(await fresh.admission.submit({ model: 'ocr', digest, label: 'v9', by: 'ada' })).toEqual(submission);
  await upload(bus, request, model);
  await fresh.pusher.push(request, never);
  const history = async () => (await fresh.lifecycles.history({ model: 'ocr' })).versions;
  expect((await history()).map(({ label, state }) => `${label} ${state}`)).toEqual([
    'v9 submitted',
    'v1 verified',
  ]);
  await clock.advance(10 * 60_000);
  await fresh.keeper.look(never);
  expect((await history()).map(({ label }) => label)).toEqual(['v1']);
});

/** The same object, whose calls go through `before` first. */
function interposed<T extends object>(target: T, before: () => Promise<void>): T {
  const steps = new Set(['find', 'submit', 'check', 'write', 'bytesOf', 'admit', 'alias']);
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || !steps.has(String(name))) return value;
      return async (...given: unknown[]) => {
        await before();
        return Reflect.apply(value, target, given) as unknown;
      };
    },
  });
}

test('with the server killed before any step of a push there is no version or a whole one, and the push sent again succeeds', async () => {
  const uploads = await ObjectBucket.open(bus, { bucket: buckets.uploads('east') });
  let killed = true;
  for (let step = 1; killed; step++) {
    const label = `v${step}`;
    const bytes = { 'model.onnx': mlp(step, 4), 'card.json': card };
    const request = ada.sign(bytes, { label, aliases: ['stable'] });
    await upload(bus, request, bytes);
    let calls = 0;
    killed = false;
    const kill = async () => {
      if (++calls !== step) return;
      killed = true;
      await nats.kill('SIGKILL');
      await waitUntil('the bus has noticed', () => !bus.connected());
    };
    const { catalog, admission, artifacts } = registry;
    const pusher = new Pusher({
      catalog: interposed(catalog, kill),
      admission: interposed(admission, kill),
      artifacts: interposed(artifacts, kill),
      uploads: interposed(uploads, kill),
      policy: { current: () => ada.policy() },
      clock,
    });
    const pushed = await pusher.push(request, never).catch((error: unknown) => error);
    if (killed) {
      expect(pushed).toMatchObject({ code: 'UNAVAILABLE' });
      await nats.restart();
      await waitUntil('the bus is back', () => bus.connected());
    }
    // Somebody who comes new sees what there is.
    const fresh = await aRegistry();
    const { models } = await fresh.catalog.models({ archived: false });
    for (const version of models.flatMap((one) => one.versions)) await expectWhole(version.resources);
    expect((await fresh.pusher.push(request, never)).version.label).toBe(label);
    expect((await fresh.catalog.show({ model: 'ocr', version: 'stable' })).version.label).toBe(label);
    if (!killed) expect(calls).toBeGreaterThan(8);
  }
});

async function expectWhole(resources: readonly { digest: string }[]): Promise<void> {
  for (const { digest } of resources) {
    const parts: Uint8Array[] = [];
    for await (const part of registry.artifacts.read(digest)) parts.push(part);
    expect(digestOf(Buffer.concat(parts))).toBe(digest);
  }
}

test('an endpoint waits for the approvals that the policy asks for; each person counts once, the publisher not at all', async () => {
  const since = { notBefore: '2020-01-01T00:00:00Z', notAfter: '2100-01-01T00:00:00Z' };
  const own = { ...keyTerm('ada', people.cid), ...since };
  const approvers = [{ ...keyTerm('bob', people.bob), ...since }, own];
  ada.more = { approvers, approvals: [{ models: ['ocr'], needed: 1 }] };
  const { version } = await push();
  const deploy = () => registry.catalog.deploy(DeployRequest.parse({ endpoint: 'ocr', model: 'ocr' }));
  await expect(deploy()).rejects.toMatchObject({ code: 'UNSIGNED', fields: { needed: 1, approvers: [] } });

  const until = { issuedAt: new Date(clock.now()).toISOString(), expiresAt: '2027-12-01T00:00:00Z' };
  const word = (by: keyof typeof people) => ({
    model: 'ocr',
    version: version.digest,
    envelope: approval(version, people[by], until),
  });
  await expect(registry.approvals.approve(word('cid'))).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
  await expect(registry.approvals.approve(word('ann'))).rejects.toMatchObject({ code: 'UNSIGNED' });
  const first = await registry.approvals.approve(word('bob'));
  const again = await registry.approvals.approve(word('bob'));
  expect([first.counted, again.counted, again.version.approvals?.length]).toEqual([1, 1, 1]);
  expect((await deploy()).endpoint.variants).toMatchObject([{ version: version.digest }]);
});

test('a version that the policy revokes is not taken again', async () => {
  const { version } = await push();
  ada.more = { revokedVersions: [{ version: version.digest, reason: 'it leaks' }] };
  await expect(push()).rejects.toMatchObject({
    code: 'UNSIGNED',
    message: expect.stringContaining('it leaks') as string,
  });
});
