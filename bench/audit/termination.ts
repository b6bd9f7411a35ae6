// A version that computes for seconds is ordered to end, as the auditor orders it: how long until its process is dead, and until the last good
// version answers. The order is signed, given to the region's router, kept, heard by the shard, checked and carried out.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import { type DrillMesh, eventually } from '../../chaos-tests/harness.js';
import { releaseAtOnce } from '../../chaos-tests/release-at-once.js';
import type { MassifClient } from '../../client/mod.js';
import { replicaId } from '../../contracts/names.js';
import { OverrideReply } from '../../contracts/override.js';
import { subjects } from '../../contracts/subjects.js';
import { StopOrders } from '../../services/auditor/watch/stop-orders.js';
import { type Bus, connectBus } from '../../services/mesh/bus.js';
import { systemClock } from '../../services/mesh/clock.js';
import { silentLog } from '../../services/mesh/log.js';
import { signOrder } from '../../services/mesh/trust/order.js';
import { systemRandom } from '../../services/mesh/random.js';
import { privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { slow } from '../../services/onnx/testing/slow.js';
import { type BenchOptions, percentile } from '../report.js';

const REGION = 'east';
const SHARDS = 2;
/** Deployed side by side and killed one after the other: a deployment is seconds, most of them waiting. */
const TOGETHER = 10;
/** Products of matrices: some seconds. */
const LONG = 20_000;
/** The run is under way by then. */
const UNDER_WAY_MS = 60;
const WAIT_MS = 10_000;
/** What a death leaves to do (a release taken back, tables told to everybody) is not in the way of the next decision. */
const APART_MS = 500;

/** A model, its endpoint, and the version of it that is to die. */
interface Doomed {
  readonly name: string;
  readonly version: string;
}

interface Killed {
  readonly deadMs: number;
  readonly servedMs: number;
}

export async function termination(
  mesh: DrillMesh,
  nc: NatsConnection,
  times: number,
  log: BenchOptions['log'],
) {
  await using client = await mesh.client({ mode: 'routed' });
  const doomed: Doomed[] = [];
  for (let n = 0; n < Math.min(TOGETHER, times); n++) doomed.push(await published(mesh, client, `slow-${n}`));
  const key = async (name: string) => privateKeyOf(await readFile(join(mesh.topology.keys, name), 'utf8'));
  const bus = await connectBus({ url: mesh.natsUrls[0] ?? '', name: 'bench-auditor', region: REGION });
  const parts = { bus, regions: [REGION], clock: systemClock, random: systemRandom, log: silentLog };
  const orders = new StopOrders({ ...parts, key: await key('auditor.pem') });
  const operator = await key('operator.pem');
  const ended: Killed[] = [];
  try {
    while (ended.length < times) {
      const wave = doomed.slice(0, times - ended.length);
      await Promise.all(wave.map((one) => serve(client, one)));
      await settled(mesh);
      log(`kills ${ended.length + 1} to ${ended.length + wave.length} of ${times}`);
      for (const one of wave) {
        ended.push(await killed(mesh, nc, orders, one));
        await sleep(APART_MS);
      }
      await Promise.all(wave.map((one) => lift(bus, one, operator)));
    }
  } finally {
    await bus.drain();
    for (const { name } of doomed)
      await eventually('the endpoint is given up', () => client.registry.undeploy(name));
  }
  const dead = ended.map(({ deadMs }) => deadMs);
  const served = ended.map(({ servedMs }) => servedMs);
  return {
    kills: times,
    deadMs: { p50: percentile(dead, 0.5), p99: percentile(dead, 0.99), max: Math.max(...dead) },
    within100Ms: dead.filter((ms) => ms <= 100).length,
    lastGoodMs: { p50: percentile(served, 0.5), max: Math.max(...served) },
  };
}

/** Version 1 serves; version 2 waits for its release, in an engine of its own. */
async function published(mesh: DrillMesh, client: MassifClient, name: string): Promise<Doomed> {
  await mesh.publish(name, [{ name: 'model.onnx', bytes: slow(name) }], SHARDS);
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  const card = Buffer.from(JSON.stringify({ ownEngine: true }));
  const { version } = await client.registry.push(
    [
      { name: 'model.onnx', bytes: slow(`${name}, slower`) },
      { name: 'card.json', bytes: card },
    ],
    { model: name, label: '2', privateKeyPem },
  );
  return { name, version: version.digest };
}

const body = (n: number): string =>
  JSON.stringify({ inputs: [{ name: 'n', datatype: 'INT64', shape: [], data: [n] }] });

/** Version 2 answers, on every shard. */
async function serve(client: MassifClient, { name }: Doomed): Promise<void> {
  await eventually('version 2 is released', () => releaseAtOnce(client, name, '2'));
  await eventually('version 2 answers', async () => {
    const { modelVersion } = await client.infer(name, { n: { data: BigInt64Array.of(0n), shape: [] } });
    if (modelVersion !== '2') throw new Error(`version ${modelVersion} answers`);
  });
}

/** What the deployments have begun is over: every shard has an engine in reserve again. */
async function settled(mesh: DrillMesh): Promise<void> {
  await mesh.heardAgain();
  await waitUntil('every shard has an engine in reserve', () =>
    mesh.heard().every(({ engines }) => engines.some(({ state }) => state === 'spare')),
  );
}

async function killed(
  mesh: DrillMesh,
  nc: NatsConnection,
  orders: StopOrders,
  { name, version }: Doomed,
): Promise<Killed> {
  const { replica, pid } = await waitUntil('an engine has version 2', () => engineOf(mesh, version));
  nc.publish(subjects.run(replica), body(LONG), { reply: '_INBOX.bench.nobody' });
  await sleep(UNDER_WAY_MS);
  const from = performance.now();
  const [deadMs, servedMs] = await Promise.all([
    until(() => !isAlive(pid)).then(() => performance.now() - from),
    answered(nc, name).then(() => performance.now() - from),
    orders.kill(name, version, 'bench', AbortSignal.timeout(WAIT_MS)),
  ]);
  return { deadMs, servedMs };
}

/** Shards may not have told yet that the one before is dead. */
function engineOf(mesh: DrillMesh, version: string): { replica: string; pid: number } | undefined {
  for (const { shard, engines, replicas } of mesh.heard()) {
    const id = replicaId(shard, version);
    if (!replicas.some((one) => one.id === id && one.state === 'ready')) continue;
    const engine = engines.find((one) => one.replicas.includes(id));
    if (engine && isAlive(engine.pid)) return { replica: id, pid: engine.pid };
  }
  return undefined;
}

/** The first answer of the version before. */
async function answered(nc: NatsConnection, endpoint: string): Promise<void> {
  await until(async () => {
    const reply = await nc
      .request(subjects.infer(endpoint), body(0), { timeout: 1_000 })
      .catch(() => undefined);
    return reply?.string().includes('"model_version":"1"') ?? false;
  });
}

async function lift(
  bus: Bus,
  { name, version }: Doomed,
  key: ReturnType<typeof privateKeyOf>,
): Promise<void> {
  const now = Date.now();
  const order = {
    nonce: nuid.next(),
    region: REGION,
    sequence: now,
    target: { kind: 'version', model: name, version },
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
