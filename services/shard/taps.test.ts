// A version that is served with a tap, by real engines: callers get what they got, the auditor gets the hidden value, and only an operator's plan counts.
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import { ObservationReport } from '../../contracts/observation.js';
import { subjects } from '../../contracts/subjects.js';
import type { TapPlan } from '../../contracts/taps.js';
import type { Tensor } from '../../contracts/tensor.js';
import { operatorKey, orderPolicy } from '../mesh/testing/orders.js';
import { signTapPlan } from '../mesh/trust/tap-plan.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { Graph } from '../onnx/graph.js';
import { tapCandidates } from '../onnx/tap/candidates.js';
import { addTaps } from '../onnx/tap/tap.js';
import { mlp } from '../onnx/testing/mlp.js';
import { HostedShard } from './testing/hosted-shard.js';
import { signedVersion, type SignedVersion } from './testing/signed-version.js';

let mesh: HostedShard;
const reports: ObservationReport[] = [];
beforeAll(async () => {
  mesh = await HostedShard.start();
  mesh.policy = { ...mesh.policy, operators: orderPolicy.operators ?? [] };
  mesh.bus.nc.subscribe(subjects.observed('east'), {
    callback: (_, message) => void reports.push(ObservationReport.parse(message.json())),
  });
}, 30_000);
afterAll(() => mesh[Symbol.asyncDispose]());

const x: Tensor = { name: 'x', datatype: 'FP32', shape: [1, 784], data: new Float32Array(784).fill(0.1) };
const answers = async (version: SignedVersion): Promise<number[]> => {
  const { response } = await mesh.call(version, [x]);
  expect(response?.outputs.map(({ name }) => name)).toEqual(['y']);
  return Array.from(response?.outputs[0]?.data as Float32Array);
};
const lastTaps = (model: string) =>
  reports
    .filter((one) => one.model === model)
    .at(-1)
    ?.requests.at(-1)?.taps;

async function plan(version: SignedVersion, taps: Pick<TapPlan, 'opset' | 'taps'>, key = operatorKey) {
  const { model, digest } = version.record;
  const bucket = await mesh.bus.kv(buckets.taps('east'));
  const envelope = signTapPlan({ ...taps, model, version: digest }, key);
  await bucket.put(keys.tapPlan(digest), JSON.stringify({ envelope }));
}
const planned = (bytes: Uint8Array) => {
  const graph = Graph.read(bytes);
  return addTaps(graph, [tapCandidates(graph).at(-1)?.value ?? '']).plan;
};

test('a signed plan brings the tap to what is served already, and takes nothing from its callers', async () => {
  const bytes = mlp(1);
  const version = signedVersion(bytes, { model: 'tapped' });
  await mesh.serve(version);
  const before = await answers(version);
  await waitUntil('it was told', () => lastTaps('tapped') !== undefined);
  expect(lastTaps('tapped')).toEqual({});
  const pid = mesh.pidOf(version);
  const made = planned(bytes);
  await plan(version, made);
  await waitUntil('another engine has it', () => ![0, pid].includes(mesh.pidOf(version)), 20_000);
  await waitUntil('the tap is told', async () => {
    expect(await answers(version)).toEqual(before);
    return Object.keys(lastTaps('tapped') ?? {}).length > 0;
  });
  const { width, output } = made.taps[0] ?? { width: 0, output: '' };
  expect(Buffer.from(lastTaps('tapped')?.[output] ?? '', 'base64')).toHaveLength(4 * width);
  expect(mesh.replica(version)?.state).toBe('ready');
}, 60_000);

test('a stranger’s plan, or one that fits no graph, changes nothing', async () => {
  const strange = signedVersion(mlp(2), { model: 'strange' });
  const unfit = signedVersion(mlp(3), { model: 'unfit' });
  await plan(strange, planned(mlp(2)), generateKeyPairSync('ed25519').privateKey);
  await plan(unfit, { opset: 17, taps: [{ value: 'nothing', output: 'tap_1', rank: 2, width: 3 }] });
  await mesh.serve(strange, unfit);
  for (const version of [strange, unfit]) {
    expect(await answers(version)).toHaveLength(10);
    const { model } = version.record;
    await waitUntil('it was told', () => lastTaps(model) !== undefined);
    expect(lastTaps(model)).toEqual({});
  }
}, 60_000);
