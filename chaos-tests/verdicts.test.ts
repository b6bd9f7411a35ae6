// A version that begins to answer with what is no number, in a whole mesh: the auditor sees it, ends its engines in every region by signed orders, and the
// last good version answers. Its history says why; a person takes the order back.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { MassifClient } from '../client/mod.js';
import { AlertsReply } from '../contracts/alert.js';
import { subjects } from '../contracts/subjects.js';
import { VerdictsReply } from '../contracts/verdict.js';
import { root } from '../deploy/local/root.mjs';
import { GraphBuilder } from '../services/onnx/builder.js';
import { seeded } from '../services/onnx/seeded.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { TensorProto_DataType as T } from '../services/onnx/proto/onnx_pb.js';
import { type DrillMesh, eventually, startMesh, stateFileOf } from './harness.js';
import { pushVersions } from './push-versions.js';
import { releaseAtOnce } from './release-at-once.js';
import { swappedEngine } from './swapped-engine.js';

const MODEL = 'turning';
/** Of another width than all others here, so that the lying shard lies about it alone. */
const [REGISTERED, SERVED] = [mlp(5, 96), mlp(6, 96)];

/** `Abs` answers to any number, `Log` to those above zero. */
function graph(operator: 'Abs' | 'Log'): Uint8Array {
  const g = new GraphBuilder();
  g.output(g.op(operator, [g.input('x', T.FLOAT, ['n', 4])], {}, { outputs: ['y'] }), T.FLOAT, ['n', 4]);
  return g.bytes();
}

test('a version whose answers turn into no numbers is killed everywhere, the last good one serves, and a person takes the order back', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'massif-swapped-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await using mesh = await startMesh({
    shardsPerRegion: 1,
    env: {
      'shard-west-1': await swappedEngine(dir, REGISTERED, SERVED),
      control: { MASSIF_AUDITOR_PROBE_MS: '300', MASSIF_AUDITOR_EXTRACTION: 'revoke' },
    },
    openDoors: false,
  });
  const massif = async (...args: string[]) => {
    const env = { ...process.env, MASSIF_STATE: stateFileOf(mesh.topology) };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(root, 'dist/client/massif.js'), ...args, '--json'],
      { env },
    );
    return JSON.parse(stdout) as never;
  };
  await mesh.publish(MODEL, [{ name: 'model.onnx', bytes: graph('Abs') }], 1);
  await using client = await mesh.client({ mode: 'routed' });
  await pushVersions(mesh, client, MODEL, new Map([['2', graph('Log')]]));
  await releaseAtOnce(client, MODEL, '2');
  const ask = (values: readonly number[]) =>
    client.infer(MODEL, { x: { data: Float32Array.from(values), shape: [1, 4] } });
  await eventually('version 2 answers', async () => expect((await ask([1, 2, 3, 4])).modelVersion).toBe('2'));
  const before = mesh.enginePids();

  let n = 0;
  await eventually('the last good version answers what version 2 could not', async () => {
    n++;
    const { modelVersion, outputs } = await ask([-n, -2, -3, -4]);
    expect(modelVersion).toBe('1');
    expect(outputs['y']?.data[0]).toBe(n);
  });
  const { versions } = (await massif('verdicts', MODEL)) as {
    versions: {
      label: string;
      version: string;
      withheld: string[];
      last?: { act: string; judgement: { verdict: string } };
    }[];
  };
  const bad = versions.find(({ label }) => label === '2');
  expect(bad?.last).toMatchObject({
    act: 'stopped',
    judgement: { verdict: 'abnormal', faults: ['not-a-number'] },
  });
  expect(bad?.withheld).toContainEqual(expect.stringMatching(/^kill in /));
  await eventually('no engine of version 2 is left', async () => {
    const replicas = mesh.heard().flatMap((beat) => beat.replicas);
    expect(replicas.filter((one) => one.version === bad?.version && one.state === 'ready')).toEqual([]);
  });
  expect(before.length).toBeGreaterThan(0);
  await eventually('its history says why', async () => {
    const history = (await massif('history', MODEL)) as {
      label: string;
      moves: { to: string; why: string }[];
    }[];
    expect(history.find(({ label }) => label === '2')?.moves.at(-1)).toMatchObject({
      to: 'deprecated',
      why: expect.stringContaining('not-a-number'),
    });
    expect(history.find(({ label }) => label === '1')?.moves.at(-1)?.to).toBe('live');
  });

  await takesTheOrderBack(mesh, client, massif);
  await drifts(mesh, massif);
  await liesAboutItsModel(mesh, massif);
}, 360_000);

/** Who lifts the order has the version served again, and the auditor does not end it a second time. */
async function takesTheOrderBack(
  mesh: DrillMesh,
  client: MassifClient,
  massif: (...args: string[]) => Promise<never>,
): Promise<void> {
  await massif('override', 'lift', MODEL, '--version', '2', '--reason', 'looked at');
  const order = {
    endpoint: MODEL,
    model: MODEL,
    variants: [{ version: '2', weight: 10_000 }],
    replicasPerRegion: 1,
    timeoutMs: 2_000,
  };
  await eventually(
    'what was taken back is gone, and it may come again',
    () => client.registry.deploy(order),
    60_000,
  );
  let n = 0;
  const ask = (value: number) =>
    client.infer(MODEL, { x: { data: new Float32Array(4).fill(value), shape: [1, 4] } });
  await eventually(
    'version 2 answers again',
    async () => expect((await ask(++n)).modelVersion).toBe('2'),
    60_000,
  );
  const seen = async (): Promise<number> => {
    const versions = await verdictsOf(mesh, MODEL);
    return versions.find(({ label }) => label === '2')?.answered ?? 0;
  };
  const before = await seen();
  const broken = 6;
  for (let i = 0; i < broken; i++) expect((await ask(-++n)).modelVersion).toBe('2');
  await eventually('the auditor has seen them', async () =>
    expect(await seen()).toBeGreaterThanOrEqual(before + broken),
  );
  expect((await ask(++n)).modelVersion).toBe('2');
  const inForce = (await massif('override', 'list')) as { orders: unknown[] }[];
  expect(inForce.flatMap(({ orders }) => orders)).toEqual([]);
}

/** A key that asks the same with a little jitter, again and again, through the REST door: one alert that names it, and the door lets it in no more. */
async function copies(mesh: DrillMesh, massif: (...args: string[]) => Promise<never>): Promise<void> {
  const random = seeded(8);
  const seed = random.normals(784, 1);
  const url = `${mesh.regions[0]?.restUrl}/v2/models/drifting/infer`;
  const { key, secret } = (await massif('apikeys', 'issue', 'somebody', '--role', 'caller')) as {
    key: { id: string };
    secret: string;
  };
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${secret}` };
  const ask = async (): Promise<number> => {
    const data = Array.from(seed, (value) => value + 0.02 * random.normal());
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 784], data }] });
    return (await fetch(url, { method: 'POST', headers, body })).status;
  };
  await eventually('the door knows the new key', async () => expect(await ask()).toBe(200));
  let asked = 0;
  await eventually(
    'the key that copies is told of and revoked',
    async () => {
      const answers = await Promise.all(Array.from({ length: 16 }, ask));
      asked += answers.filter((status) => status === 200).length;
      const alerts = await alertsOf(mesh);
      const found = alerts.filter(({ kind }) => kind === 'extraction').map(({ evidence }) => evidence);
      expect(found).toContainEqual(expect.objectContaining({ caller: `key ${key.id}`, done: 'revoked' }));
      expect(await ask()).toBe(401);
    },
    60_000,
  );
  expect(asked).toBeLessThanOrEqual(1_000);
}

/** What `massif verdicts` and `massif alerts` ask for, without a process for each look. */
async function verdictsOf(mesh: DrillMesh, model: string): Promise<VerdictsReply['versions']> {
  const { versions } = VerdictsReply.parse(await mesh.ask(subjects.auditor('verdicts'), 2_000));
  return versions.filter((one) => one.model === model);
}

const alertsOf = async (mesh: DrillMesh): Promise<AlertsReply['alerts']> =>
  AlertsReply.parse(await mesh.ask(subjects.auditor('alerts'), 2_000)).alerts;

async function referenceFile(mesh: DrillMesh, x: { data: Float32Array; shape: number[] }): Promise<string> {
  const reference = join(mesh.topology.dir, 'reference.jsonl');
  const data = Array.from(x.data, (value) => Number(value.toFixed(4)));
  const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: x.shape, data }] };
  await writeFile(reference, `${JSON.stringify(body)}\n`);
  return reference;
}

/** A shard that serves another model under the registered one's name: probes find it, it is ended, and the honest one answers its callers too. */
async function liesAboutItsModel(
  mesh: DrillMesh,
  massif: (...args: string[]) => Promise<never>,
): Promise<void> {
  const random = seeded(7);
  const x = Float32Array.from(random.normals(600 * 784, 1));
  await mesh.publish('copied', [{ name: 'model.onnx', bytes: REGISTERED }], 1);
  await massif('watch', 'copied', '--reference', await referenceFile(mesh, { data: x, shape: [600, 784] }));
  const input = { x: { data: x.subarray(0, 784), shape: [1, 784] } };
  const clients = await Promise.all(mesh.natsUrls.map((url) => mesh.client({ nats: [url], mode: 'routed' })));
  const answers = async (): Promise<number[]> =>
    Promise.all(
      clients.map(async (client) => Number((await client.infer('copied', input)).outputs['y']?.data[0])),
    );
  const [honest = 0, lie] = await answers();
  expect(lie).not.toBeCloseTo(honest, 3);
  await eventually(
    'the lying shard is found and told of',
    async () => {
      await answers();
      const alerts = await alertsOf(mesh);
      expect(alerts.filter(({ kind }) => kind === 'probe.other-model')).toMatchObject([
        { severity: 'critical', evidence: { shard: 'shard-west-1', act: expect.stringContaining('killed') } },
      ]);
    },
    60_000,
  );
  await eventually('callers of its region are answered by the honest one', async () => {
    const found = await answers();
    expect(found[0]).toBeCloseTo(honest, 5);
    expect(found[1]).toBeCloseTo(honest, 5);
  });
  await eventually('it holds nothing any more', async () => {
    const beat = mesh.heard().find(({ shard }) => shard === 'shard-west-1');
    expect(beat).toMatchObject({ state: 'draining', replicas: [] });
  });
  const inForce = (await massif('override', 'list')) as { orders: { order: { target: object } }[] }[];
  expect(inForce[0]?.orders.map(({ order }) => order.target)).toEqual([
    { kind: 'shard', shard: 'shard-west-1' },
  ]);
  await Promise.all(clients.map((client) => client.close()));
}

/** A stream of inputs that is not what it was: one alert, whatever number of requests come, and nobody is killed. */
async function drifts(mesh: DrillMesh, massif: (...args: string[]) => Promise<never>): Promise<void> {
  const random = seeded(5);
  const pictures = (count: number, shift: number) => {
    const x = Float32Array.from(random.normals(count * 784, 1), (value) => value + shift);
    return { x: { data: x, shape: [count, 784] } };
  };
  await mesh.publish('drifting', [{ name: 'model.onnx', bytes: mlp(1) }], 1);
  const reference = await referenceFile(mesh, pictures(900, 0).x);
  expect(await massif('watch', 'drifting', '--reference', reference)).toMatchObject({
    kind: 'logits',
    classes: 10,
    samples: 600,
    tap: { width: 256 },
  });
  await massif('samples', 'on', 'drifting', '--rate', '0', '--keep', 'x', '--on-suspicion');
  await using client = await mesh.client({ mode: 'routed' });
  await eventually(
    'the drift is told',
    async () => {
      await Promise.all(Array.from({ length: 8 }, () => client.infer('drifting', pictures(1, 0.5))));
      const alerts = await alertsOf(mesh);
      expect(alerts.filter(({ model }) => model === 'drifting')).toMatchObject([
        { kind: 'verdict.suspicious', severity: 'warning' },
      ]);
    },
    60_000,
  );
  const { versions } = (await massif('verdicts', 'drifting')) as { versions: object[] };
  expect(versions).toMatchObject([{ hasBaseline: true, last: { act: 'told' } }]);
  await eventually(
    'what was asked is looked at more closely, and the verdict says so',
    async () => {
      await Promise.all(Array.from({ length: 8 }, () => client.infer('drifting', pictures(1, 0.5))));
      expect(await verdictsOf(mesh, 'drifting')).toMatchObject([
        { last: { note: expect.stringContaining('Looked closer at') } },
      ]);
    },
    60_000,
  );
  await copies(mesh, massif);
  expect(await massif('alerts')).toEqual({ alerts: await alertsOf(mesh) });
  await eventually('its engines tell of the hidden feature too', async () => {
    await client.infer('drifting', pictures(1, 0));
    const [now] = await verdictsOf(mesh, 'drifting');
    expect(now?.tapped).toBeGreaterThan(0);
  });
}
