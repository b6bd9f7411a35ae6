// A version that begins to answer with what is no number, in a whole mesh: the auditor sees it, ends its engines in every region by signed orders, and the
// last good version answers. Its history says why; a person takes the order back.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { MassifClient } from '../client/mod.js';
import { root } from '../deploy/local/root.mjs';
import { GraphBuilder } from '../services/onnx/builder.js';
import { seeded } from '../services/onnx/seeded.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { TensorProto_DataType as T } from '../services/onnx/proto/onnx_pb.js';
import { type DrillMesh, eventually, startMesh, stateFileOf } from './harness.js';
import { pushVersions } from './push-versions.js';

const MODEL = 'turning';

/** `Abs` answers to any number, `Log` to those above zero. */
function graph(operator: 'Abs' | 'Log'): Uint8Array {
  const g = new GraphBuilder();
  g.output(g.op(operator, [g.input('x', T.FLOAT, ['n', 4])], {}, { outputs: ['y'] }), T.FLOAT, ['n', 4]);
  return g.bytes();
}

test('a version whose answers turn into no numbers is killed everywhere, the last good one serves, and a person takes the order back', async () => {
  await using mesh = await startMesh({ shardsPerRegion: 1 });
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
  await client.registry.deploy({
    endpoint: MODEL,
    model: MODEL,
    variants: [{ version: '2', weight: 10_000 }],
    replicasPerRegion: 1,
    timeoutMs: 2_000,
  });
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
    versions: { label: string; version: string; last?: { act: string; judgement: { verdict: string } } }[];
  };
  const bad = versions.find(({ label }) => label === '2');
  expect(bad?.last).toMatchObject({
    act: 'stopped',
    judgement: { verdict: 'abnormal', faults: ['not-a-number'] },
  });
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

  await takesTheOrderBack(client, massif);
  await drifts(mesh, massif);
}, 180_000);

/** Who lifts the order has the version served again, and the auditor does not end it a second time. */
async function takesTheOrderBack(
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
    const { versions } = (await massif('verdicts', MODEL)) as {
      versions: { label: string; answered: number }[];
    };
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

/** A stream of inputs that is not what it was: one alert, whatever number of requests come, and nobody is killed. */
async function drifts(mesh: DrillMesh, massif: (...args: string[]) => Promise<never>): Promise<void> {
  const random = seeded(5);
  const pictures = (count: number, shift: number) => {
    const x = Float32Array.from(random.normals(count * 784, 1), (value) => value + shift);
    return { x: { data: x, shape: [count, 784] } };
  };
  await mesh.publish('drifting', [{ name: 'model.onnx', bytes: mlp(1) }], 1);
  const reference = join(mesh.topology.dir, 'reference.jsonl');
  const { x } = pictures(900, 0);
  const data = Array.from(x.data, (value) => Number(value.toFixed(4)));
  const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: x.shape, data }] };
  await writeFile(reference, `${JSON.stringify(body)}\n`);
  expect(await massif('watch', 'drifting', '--reference', reference)).toMatchObject({
    kind: 'logits',
    classes: 10,
    samples: 600,
    tap: { width: 256 },
  });
  await using client = await mesh.client({ mode: 'routed' });
  await eventually(
    'the drift is told',
    async () => {
      await Promise.all(Array.from({ length: 8 }, () => client.infer('drifting', pictures(1, 0.5))));
      const { alerts } = (await massif('alerts')) as {
        alerts: { model: string; kind: string; severity: string }[];
      };
      expect(alerts.filter(({ model }) => model === 'drifting')).toMatchObject([
        { kind: 'verdict.suspicious', severity: 'warning' },
      ]);
    },
    60_000,
  );
  const { versions } = (await massif('verdicts', 'drifting')) as { versions: object[] };
  expect(versions).toMatchObject([{ hasBaseline: true, last: { act: 'told' } }]);
  await eventually('its engines tell of the hidden feature too', async () => {
    await client.infer('drifting', pictures(1, 0));
    const now = (await massif('verdicts', 'drifting')) as { versions: { tapped: number }[] };
    expect(now.versions[0]?.tapped).toBeGreaterThan(0);
  });
}
