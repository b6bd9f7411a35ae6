// Spares of a split model: each stage has a second replica on another shard, so that a shard killed with its engines under load costs no
// caller anything inside five seconds, one shard and then the other, which had every stage alone meanwhile.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommandLine } from '../client/cli/command-line.js';
import type { MassifClient } from '../client/mod.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { type DrillMesh, eventually, startMesh } from './harness.js';
import { Ledger } from './ledger.js';
import { openLoop } from './open-loop.js';

const DEADLINE_MS = 5_000;

let mesh: DrillMesh;
beforeAll(async () => {
  mesh = await startMesh({ regions: ['east'], shardsPerRegion: 2 });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

const massif = async (...args: string[]): Promise<string> => {
  let told = '';
  const code = await runCommandLine([...args, '--nats', mesh.natsUrls.join(',')], {
    env: { MASSIF_KEYS: mesh.topology.keys },
    cwd: mesh.topology.dir,
    isRunning: () => false,
    signal: new AbortController().signal,
    write: (text) => (told += text),
    writeNote: (text) => (told += text),
  });
  expect([code, told]).toEqual([0, expect.any(String)]);
  return told;
};

test('a stage has a spare where there is room, and a killed shard costs no caller anything', async () => {
  await using client = await mesh.client();
  await using routed = await mesh.client({ mode: 'routed' });
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  await client.registry.push([{ name: 'model.onnx', bytes: mlp(1) }], {
    model: 'mlp',
    label: '1',
    privateKeyPem,
  });
  const { spares, stages } = JSON.parse(await massif('split', 'mlp', '--stages', '2', '--json')) as {
    spares: number;
    stages: { endpoint: string }[];
  };
  expect(spares).toBe(1);
  expect(await massif('pipelines')).toMatch(/mlp-split-stage-2-of-2 +1\b/);
  const x = { data: Float32Array.from({ length: 784 }, (_, i) => Math.sin(i)), shape: [1, 784] };
  const ask = async (by: MassifClient) => {
    const { outputs, attempts } = await by.infer('mlp-split', { x }, { timeoutMs: DEADLINE_MS });
    return { attempts, numbers: Array.from(Object.values(outputs)[0]?.data ?? [], Number) };
  };
  const whole = await eventually('every stage serves', () => ask(client));
  await eventually('the router knows it, too', () => ask(routed));
  const shards = mesh.topology.services.filter(({ kind }) => kind === 'shard').map(({ name }) => name);
  /** Ready replicas of all stages, spares included, on shards that are not silent. */
  const everywhere = () =>
    eventually('each stage and its spare are ready', async () => {
      const ready = mesh
        .heard()
        .flatMap(({ shard, replicas }) =>
          replicas.flatMap(({ model, state }) => (state === 'ready' ? [`${model} ${shard}`] : [])),
        );
      const missing = stages.flatMap(({ endpoint }) =>
        shards.map((shard) => `${endpoint} ${shard}`).filter((one) => !ready.includes(one)),
      );
      if (missing.length > 0) throw new Error(missing.join(', '));
    });
  const ledger = new Ledger();
  const stop = new AbortController();
  const call = (by: MassifClient) => async () => {
    const { attempts, numbers } = await ask(by);
    expect(numbers).toEqual(whole.numbers);
    return { attempts };
  };
  const load = openLoop(
    [
      { name: 'direct', perSecond: 40, call: call(client) },
      { name: 'routed', perSecond: 20, call: call(routed) },
    ],
    ledger,
    stop.signal,
  );
  for (const shard of shards) {
    await everywhere();
    const engines = mesh.heard().find((beat) => beat.shard === shard)?.engines ?? [];
    // Host and engines at once, and nobody brings them back yet.
    mesh.local.supervisor.process(shard).hold();
    for (const { pid } of engines) process.kill(pid, 'SIGKILL');
    await eventually('it is silent', () =>
      mesh.heard().some((beat) => beat.shard === shard)
        ? Promise.reject(new Error(shard))
        : Promise.resolve(),
    );
    mesh.local.supervisor.process(shard).resume();
  }
  await everywhere();
  stop.abort();
  await load;
  for (const caller of ['direct', 'routed']) {
    const { requests, ok, codes } = ledger.account(caller);
    expect([caller, codes]).toEqual([caller, {}]);
    expect(ok).toBe(requests);
    expect(requests).toBeGreaterThan(20);
  }
}, 120_000);
