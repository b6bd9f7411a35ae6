// What large tensors cost: 602 kB through an identity model, direct and routed, beside a bare NATS echo of the same bytes; 64 MB
// in parts from hand to hand, beside the same bytes into an object store and out again; and a kept answer beside one that is run.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Objm } from '@nats-io/obj';
import { connect } from '@nats-io/transport-node';
import { startMesh } from '../chaos-tests/harness.js';
import { identity } from '../services/onnx/testing/identity.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { type Aim, type Benchmark, percentile, round } from './report.js';

const TENSOR_FLOATS = 150_528; // an image of 224 x 224 x 3: 602 kB
const FORMS = {
  // 16 MB: the shortest form proves that it runs.
  ci: { rounds: 2, calls: 5, largeMb: 16, large: 1, cached: 20 },
  quick: { rounds: 10, calls: 20, largeMb: 64, large: 3, cached: 200 },
  full: { rounds: 40, calls: 25, largeMb: 64, large: 8, cached: 1_000 },
} as const;
const TIMEOUT_MS = 60_000;
const MB = 1e6;

type Ask = () => Promise<unknown>;

export const benchmark: Benchmark = async ({ form, seed }) => {
  const { rounds, calls, largeMb, large, cached } = FORMS[form];
  const largeFloats = (largeMb * 1_048_576) / 4;
  await using mesh = await startMesh({ regions: ['east'], development: true });
  await mesh.publish('mirror', [{ name: 'model.onnx', bytes: identity() }], 1);
  await mesh.publish('mlp', [{ name: 'model.onnx', bytes: mlp(seed) }], 1);
  const url = mesh.natsUrls[0] as string;
  const echo: ChildProcess = fork(join(import.meta.dirname, 'peers', 'echo.js'), [url]);
  await once(echo, 'message');
  try {
    await using direct = await mesh.client();
    await using routed = await mesh.client({ mode: 'routed' });
    await routed.registry.deploy({ endpoint: 'kept', model: 'mlp', timeoutMs: 2_000, cacheS: 3_600 });
    while (!(await routed.ready('kept').catch(() => false))) await sleep(50);
    const nc = await connect({ servers: url, noAsyncTraces: true });

    const tensor = { data: new Float32Array(TENSOR_FLOATS).fill(0.5), shape: [TENSOR_FLOATS] };
    const bytes = new Uint8Array(tensor.data.buffer);
    const paths = await interleave(
      {
        echo: () => nc.request('bench.echo', bytes, { timeout: 5_000 }),
        direct: () => direct.infer('mirror', { x: tensor }),
        routed: () => routed.infer('mirror', { x: tensor }),
      },
      rounds,
      calls,
    );

    const whole = { data: new Float32Array(largeFloats).fill(0.25), shape: [largeFloats] };
    const store = await new Objm(nc).create('bench_payload', {});
    const pids = new Map([
      ['caller', process.pid],
      ...mesh.targets().map(({ name, pid }) => [name, pid] as const),
    ]);
    const before = await rssOf(pids);
    let wrong = 0;
    const check = async (client: typeof direct): Promise<void> => {
      const { outputs } = await client.infer('mirror', { x: whole }, { timeoutMs: TIMEOUT_MS });
      const y = outputs['y']?.data as Float32Array;
      if (y.length !== largeFloats || y[largeFloats - 1] !== 0.25) wrong++;
    };
    const largeBytes = new Uint8Array(whole.data.buffer);
    const transfers = await interleave(
      {
        object: async () => {
          await store.putBlob({ name: 'whole' }, largeBytes);
          await store.getBlob('whole');
        },
        direct: () => check(direct),
        routed: () => check(routed),
      },
      large,
      1,
    );
    const after = await rssOf(pids);
    const rss = Object.fromEntries(
      [...after].map(([name, mb]) => [name, { before: before.get(name), after: mb }]),
    );
    console.table(rss);
    await store.destroy();

    const row = { data: new Float32Array(784).fill(0.1), shape: [1, 784] };
    const keeping = await interleave(
      {
        run: () => direct.infer('kept', { x: row }, { uncached: true }),
        hit: () => direct.infer('kept', { x: row }),
      },
      rounds,
      Math.ceil(cached / rounds),
    );
    const { cached: hit } = await direct.infer('kept', { x: row });
    await nc.close();

    const results = { p50Ms: { ...paths }, largeMs: { ...transfers }, rssMb: rss, keptMs: { ...keeping } };
    console.table({
      ...named('602 kB', paths),
      ...named(`${largeMb} MB`, transfers),
      ...named('MLP', keeping),
    });
    const aims: Aim[] = [
      atMost('602 kB direct / bare echo', paths.direct / paths.echo, 1.5, 'x'),
      atMost('602 kB routed / bare echo', paths.routed / paths.echo, 1.5, 'x'),
      atMost(`${largeMb} MB that came back wrong`, wrong, 0, ''),
      atMost(`${largeMb} MB direct / the object store`, transfers.direct / transfers.object, 1, 'x'),
      { name: 'a kept answer is marked so', value: hit === true ? 1 : 0, unit: '', aim: 1, op: '>=' },
    ];
    return { results, aims };
  } finally {
    echo.kill('SIGKILL');
  }
};

const atMost = (name: string, value: number, aim: number, unit: string): Aim => ({
  name,
  value,
  unit,
  aim,
  op: '<=',
});
const named = (what: string, medians: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(medians).map(([path, p50]) => [`${what} ${path}`, { 'p50 ms': round(p50) }]),
  );

/** Medians in milliseconds; another order each round, so that no path always follows the same neighbour. */
async function interleave<P extends string>(
  asks: Record<P, Ask>,
  rounds: number,
  calls: number,
): Promise<Record<P, number>> {
  const paths = Object.keys(asks) as P[];
  const samples = new Map(paths.map((path) => [path, [] as number[]]));
  for (const path of paths) await asks[path](); // warm
  for (let turn = 0; turn < rounds; turn++) {
    for (const path of [...paths.slice(turn % paths.length), ...paths.slice(0, turn % paths.length)]) {
      for (let n = 0; n < calls; n++) {
        const from = performance.now();
        await asks[path]();
        samples.get(path)?.push(performance.now() - from);
      }
    }
  }
  return Object.fromEntries(paths.map((path) => [path, percentile(samples.get(path) ?? [], 0.5)])) as Record<
    P,
    number
  >;
}

/** Resident megabytes; a process that is gone has none. */
async function rssOf(pids: ReadonlyMap<string, number | undefined>): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const [name, pid] of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const kb = /VmRSS:\s+(\d+) kB/.exec(status)?.[1];
    if (kb !== undefined) sizes.set(name, Math.round((Number(kb) * 1_024) / MB));
  }
  return sizes;
}
