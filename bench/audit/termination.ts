// A version that computes for seconds is ordered to end, as the auditor orders it: how long until its process is dead, and until the last good
// version answers. The order is signed, given to the region's router, kept, heard by the shard, checked and carried out.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import { type DrillMesh, eventually } from '../../chaos-tests/harness.js';
import { pushVersions } from '../../chaos-tests/push-versions.js';
import type { MassifClient } from '../../client/mod.js';
import { replicaId } from '../../contracts/names.js';
import { OverrideReply } from '../../contracts/override.js';
import { subjects } from '../../contracts/subjects.js';
import { StopOrders } from '../../services/auditor/watch/stop-orders.js';
import { type Bus, connectBus } from '../../services/mesh/bus.js';
import { systemClock } from '../../services/mesh/clock.js';
import { silentLog } from '../../services/mesh/log.js';
import { signOrder } from '../../services/mesh/order.js';
import { systemRandom } from '../../services/mesh/random.js';
import { privateKeyOf } from '../../services/mesh/signing-key.js';
import { slow } from '../../services/onnx/testing/slow.js';
import { percentile } from '../report.js';

const MODEL = 'slow';
const REGION = 'east';
export const SHARDS = 2;
/** Products of matrices: some seconds. */
const LONG = 20_000;
/** The run is under way by then. */
const UNDER_WAY_MS = 60;
const WAIT_MS = 10_000;

export async function termination(mesh: DrillMesh, nc: NatsConnection, times: number) {
  await mesh.publish(MODEL, [{ name: 'model.onnx', bytes: slow() }], SHARDS);
  await using client = await mesh.client({ mode: 'routed' });
  await pushVersions(mesh, client, MODEL, new Map([['2', slow('slower')]]));
  const { digest: version } = await client.registry.show({ model: MODEL, version: '2' });
  const key = async (name: string) => privateKeyOf(await readFile(join(mesh.topology.keys, name), 'utf8'));
  const bus = await connectBus({ url: mesh.natsUrls[0] ?? '', name: 'bench-auditor', region: REGION });
  const parts = { bus, regions: [REGION], clock: systemClock, random: systemRandom, log: silentLog };
  const orders = new StopOrders({ ...parts, key: await key('auditor.pem') });
  const operator = await key('operator.pem');
  const dead: number[] = [];
  const served: number[] = [];
  try {
    for (let n = 0; n < times; n++) {
      await serve(client, mesh, version);
      const { replica, pid } = engineOf(mesh, version);
      nc.publish(subjects.run(replica), body(LONG), { reply: '_INBOX.bench.nobody' });
      await sleep(UNDER_WAY_MS);
      const from = performance.now();
      const given = orders.kill(MODEL, version, 'bench', AbortSignal.timeout(WAIT_MS));
      const [deadMs, servedMs] = await Promise.all([
        until(() => !isAlive(pid)).then(() => performance.now() - from),
        answered(nc).then(() => performance.now() - from),
        given,
      ]);
      dead.push(deadMs);
      served.push(servedMs);
      await lift(bus, version, operator);
    }
  } finally {
    await bus.drain();
    await eventually('the endpoint is given up', () => client.registry.undeploy(MODEL));
  }
  return {
    kills: times,
    deadMs: { p50: percentile(dead, 0.5), p99: percentile(dead, 0.99), max: Math.max(...dead) },
    within100Ms: dead.filter((ms) => ms <= 100).length,
    lastGoodMs: { p50: percentile(served, 0.5), max: Math.max(...served) },
  };
}

const body = (n: number): string =>
  JSON.stringify({ inputs: [{ name: 'n', datatype: 'INT64', shape: [], data: [n] }] });

/** Version 2 answers, on every shard. */
async function serve(client: MassifClient, mesh: DrillMesh, version: string): Promise<void> {
  await eventually('version 2 is deployed', () =>
    client.registry.deploy({
      endpoint: MODEL,
      model: MODEL,
      variants: [{ version, weight: 10_000 }],
      replicasPerRegion: SHARDS,
      timeoutMs: WAIT_MS,
    }),
  );
  await eventually('version 2 answers', async () => {
    const { modelVersion } = await client.infer(MODEL, { n: { data: BigInt64Array.of(0n), shape: [] } });
    if (modelVersion !== '2') throw new Error(`version ${modelVersion} answers`);
  });
  await mesh.heardAgain();
}

function engineOf(mesh: DrillMesh, version: string): { replica: string; pid: number } {
  for (const { shard, engines, replicas } of mesh.heard()) {
    const id = replicaId(shard, version);
    if (!replicas.some((one) => one.id === id && one.state === 'ready')) continue;
    const engine = engines.find((one) => one.replicas.includes(id));
    if (engine) return { replica: id, pid: engine.pid };
  }
  throw new Error('no engine has version 2');
}

/** The first answer of the version before. */
async function answered(nc: NatsConnection): Promise<void> {
  await until(async () => {
    const reply = await nc.request(subjects.infer(MODEL), body(0), { timeout: 1_000 }).catch(() => undefined);
    return reply?.string().includes('"model_version":"1"') ?? false;
  });
}

async function lift(bus: Bus, version: string, key: ReturnType<typeof privateKeyOf>): Promise<void> {
  const now = Date.now();
  const order = {
    nonce: nuid.next(),
    region: REGION,
    sequence: now,
    target: { kind: 'version', model: MODEL, version },
    action: 'lift',
    reason: 'bench',
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 86_400_000).toISOString(),
  } as const;
  const envelope = signOrder(order, key);
  await bus.request(subjects.override(REGION), OverrideReply, { envelope }, { timeoutMs: WAIT_MS });
}

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(3 * WAIT_MS);
  while (!(await met())) {
    signal.throwIfAborted();
    await sleep(1);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
