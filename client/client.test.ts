// The client against two real regions joined by a leaf link; what answers there gives back what it was sent.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failure } from '../contracts/errors.js';
import { headers } from '../contracts/headers.js';
import { toBlob } from '../contracts/tensor.js';
import { type NatsServer, startNats } from '../deploy/local/nats.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';
import { connect, type ConnectOptions, type Inputs, type MassifClient } from './mod.js';
import { identityEndpoint, IdentityRegion } from './testing/identity-region.js';

let dir: string;
let servers: NatsServer[] = [];
let east: IdentityRegion;
let west: IdentityRegion;
const clients: MassifClient[] = [];
const inputs: Inputs = {
  x: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] },
  n: { data: BigInt64Array.of(9223372036854775807n), shape: [1] },
  t: { data: ['ä', ''], shape: [2] },
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-client-'));
  const home = await startNats({ dir: join(dir, 'east'), region: 'east' });
  servers = [home, await startNats({ dir: join(dir, 'west'), region: 'west', home: home.leafUrl })];
  [east, west] = await Promise.all([
    IdentityRegion.start('east', url(0)),
    IdentityRegion.start('west', url(1)),
  ]);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all([east, west].map((region) => region[Symbol.asyncDispose]()));
  await Promise.all(servers.map((server) => server.stop()));
  await rm(dir, { recursive: true, force: true });
});

const url = (index: number): string => servers[index]?.url ?? '';

async function client(options: Partial<ConnectOptions> = {}): Promise<MassifClient> {
  const made = await connect({ nats: [url(0), url(1)], ...options });
  clients.push(made);
  return made;
}

test.each(['direct', 'routed'] as const)('%s: typed arrays go out and come back exactly', async (mode) => {
  const massif = await client({ mode });
  const result = await massif.infer('identity', inputs, { requestId: 'r-1', user: 'u', priority: 1 });
  const { x, n, t } = result.outputs;
  expect([x?.data, x?.shape, x?.datatype]).toEqual([Float32Array.of(1, 2, 3, 4), [2, 2], 'FP32']);
  expect(n?.data).toEqual(inputs['n']?.data);
  expect(t && toBlob(t.data)).toEqual(toBlob(['ä', '']));
  expect(result).toMatchObject({ modelVersion: 'v1', attempts: 1, requestId: 'r-1' });
  expect(result.replica).toMatch(/^shard-(east|west)_b{12}$/);

  const sent = mode === 'direct' ? [...east.toEngine, ...west.toEngine] : east.toRouter;
  expect(sent).toHaveLength(1);
  expect(sent[0]?.get(headers.requestId)).toBe('r-1');
  expect(Number(sent[0]?.get(headers.timeoutMs))).toBeLessThanOrEqual(10_000);
  expect(sent[0]?.get(headers.priority)).toBe('1');
});

test('only the wanted outputs come back', async () => {
  const { outputs } = await (await client({ mode: 'routed' })).infer('identity', inputs, { outputs: ['n'] });
  expect(Object.keys(outputs)).toEqual(['n']);
});

test('mistakes in the inputs are told before anything is sent', async () => {
  const massif = await client({ mode: 'routed' });
  const wrong: Inputs[] = [
    { x: { data: Float32Array.of(1), shape: [2] } },
    { x: { data: Float32Array.of(1), shape: [1], datatype: 'INT64' } },
    { x: { data: Float32Array.of(1), shape: [-1] } },
  ];
  for (const bad of wrong)
    await expect(massif.infer('identity', bad)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  expect(east.toRouter).toEqual([]);
});

test.each(['direct', 'routed'] as const)(
  '%s: a body above the largest that is taken is TOO_LARGE, not a time-out',
  async (mode) => {
    const huge = { x: { data: new Uint8Array(8 * 1024 * 1024), shape: [8 * 1024 * 1024] } };
    await expect(
      (await client({ mode, bodyMaxBytes: 8_000_000 })).infer('identity', huge),
    ).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
  },
);

test.each(['direct', 'routed'] as const)(
  '%s: a region that dies with its server costs no call',
  async (mode) => {
    const massif = await client({ mode });
    await massif.infer('identity', inputs);
    await waitUntil('both engines are known', async () => {
      await massif.infer('identity', inputs);
      return mode === 'routed' || east.toEngine.length > 0;
    });
    await servers[0]?.kill();
    const answered = await Promise.all(
      Array.from({ length: 20 }, () => massif.infer('identity', inputs, { timeoutMs: 5_000 })),
    );
    expect(answered.every(({ replica }) => replica.startsWith('shard-west'))).toBe(true);
  },
);

test('routed: a router that keeps silent is not waited for, the next region answers the same request', async () => {
  const massif = await client({ mode: 'routed' });
  east.muteRouter();
  const result = await massif.infer('identity', inputs, { timeoutMs: 2_000, requestId: 'r-2' });
  expect(result.replica).toMatch(/^shard-west/);
  expect([...east.toRouter, ...west.toRouter].map((given) => given.get(headers.requestId))).toEqual([
    'r-2',
    'r-2',
  ]);
  expect(west.toRouter[0]?.get(headers.attempt)).toBe('2');
});

test('routed: a retryable refusal is tried again, any other reaches the caller with its code', async () => {
  const massif = await client({ mode: 'routed' });
  east.failRouter(failure('NOT_READY', 'Nothing is ready.'));
  expect((await massif.infer('identity', inputs, { timeoutMs: 3_000 })).replica).toMatch(/^shard-west/);
  east.failRouter(failure('TENSOR_MISMATCH', 'There is no input "x".'));
  await expect(massif.infer('identity', inputs)).rejects.toMatchObject({ code: 'TENSOR_MISMATCH' });
});

test('routed: calls that nobody heard wait for a router, however many they are', async () => {
  const massif = await client({ mode: 'routed' });
  east.stopRouter();
  west.stopRouter();
  await waitUntil('no router is left', () =>
    massif.infer('identity', inputs, { timeoutMs: 100 }).then(
      () => false,
      () => true,
    ),
  );
  // More than the retry budget would let through.
  const calls = Promise.all(
    Array.from({ length: 300 }, () => massif.infer('identity', inputs, { timeoutMs: 10_000 })),
  );
  west.startRouter();
  expect((await calls).every(({ replica }) => replica.startsWith('shard-west'))).toBe(true);
});

test('routed: without retries what is lost is lost', async () => {
  const massif = await client({ mode: 'routed', retries: false });
  east.failRouter(failure('NOT_READY', 'Nothing is ready.'));
  await expect(massif.infer('identity', inputs)).rejects.toMatchObject({ code: 'NOT_READY' });
});

test('when nobody answers in time the failure is DEADLINE', async () => {
  const massif = await client({ mode: 'routed' });
  east.muteRouter();
  west.muteRouter();
  await expect(massif.infer('identity', inputs, { timeoutMs: 400 })).rejects.toMatchObject({
    code: 'DEADLINE',
  });
});

test('a caller that gives up gets its own reason back', async () => {
  const massif = await client({ mode: 'routed' });
  east.muteRouter();
  west.muteRouter();
  const gone = new AbortController();
  const call = massif.infer('identity', inputs, { signal: gone.signal });
  await waitUntil('it was sent', () => east.toRouter.length === 1);
  gone.abort(new Error('no more'));
  await expect(call).rejects.toThrow('no more');
});

test('endpoints and metadata come from the catalog, whichever region is there', async () => {
  const massif = await client({ mode: 'routed' });
  expect(await massif.endpoints()).toEqual([identityEndpoint]);
  await servers[0]?.kill();
  await waitUntil('the other region answers', async () => (await massif.endpoints()).length === 1);
  await expect(massif.metadata('unknown')).rejects.toMatchObject({ code: 'ENDPOINT_UNKNOWN' });
});

test.each(['direct', 'routed'] as const)(
  '%s: a region that was away at the start joins later',
  async (mode) => {
    await servers[0]?.kill();
    const massif = await client({ mode });
    expect((await massif.infer('identity', inputs)).replica).toMatch(/^shard-west/);
    await servers[0]?.restart();
    await waitUntil('the nearer region is used', async () => {
    return (await massif.infer('identity', inputs)).replica.startsWith('shard-east');
  }, 20_000); // prettier-ignore
  },
);

test.each(['direct', 'routed'] as const)(
  '%s: closing ends what is under way, and nothing begins after it',
  async (mode) => {
    const massif = await client({ mode });
    await massif.infer('identity', inputs);
    east.muteRouter();
    const underWay = massif.infer('identity', inputs, { timeoutMs: 60_000 }).catch((error: unknown) => error);
    await massif.close();
    if (mode === 'routed') expect(await underWay).toMatchObject({ code: 'UNAVAILABLE' });
    else await underWay; // its engine may have been faster
    await expect(massif.infer('identity', inputs)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  },
);

test('where no server answers the client says so instead of waiting', async () => {
  await expect(connect({ nats: 'nats://127.0.0.1:1', timeoutMs: 200 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('nats://127.0.0.1:1') as string,
  });
  await expect(connect({ nats: [] })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
});
