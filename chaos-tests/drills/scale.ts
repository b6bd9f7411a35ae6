// An endpoint goes through growth, shrink, zero and back while requests come in as in a trace, scaled down to this machine: none may be
// lost. Shards beyond the first come from the process pool, and leave again.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { azureLoad } from '../../bench/scale/traces.js';
import type { MassifClient } from '../../client/mod.js';
import { seededRandom } from '../../services/mesh/random.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { clientCall, natsCall, restCall } from '../callers.js';
import { type DrillMesh, eventually, startMesh, stateFileOf } from '../harness.js';
import { Ledger } from '../ledger.js';
import type { Caller } from '../open-loop.js';
import { type Drill, promise } from '../promises.js';
import { type Question, questions } from '../questions.js';
import { OpenRunbook } from '../runbook.js';

const ENDPOINT = 'sleeper';
const DEADLINE_MS = 15_000;
const REGION = 'east';
const POOL = { processes: 2, lingerMs: 2_000 };
const IDLE_MS = 3_000;
/** The load of the shortest wave is not over by then. */
const GROWN_WITHIN_MS = 5_000;
// The tight objective makes joint runs no substitute for replicas, so that this small machine has to grow.
const SCALING = { minReplicas: 0, maxReplicas: 3, slowdownMax: 1.5, idleMs: IDLE_MS };
/** Seconds of the trace in each of two waves, and requests a second on average. */
const FORMS = {
  ci: { waveS: 12, perSecond: 25 },
  quick: { waveS: 25, perSecond: 35 },
  full: { waveS: 180, perSecond: 35 },
} as const;

export const drill: Drill = async ({ form, seed, log }) => {
  const { waveS, perSecond } = FORMS[form];
  await using mesh = await startMesh({ regions: [REGION], shardsPerRegion: 1, pool: POOL });
  const model = mlp(1, 4_096);
  const asked = await questions(model, 16);
  await publish(mesh, model);
  const target = {
    endpoint: ENDPOINT,
    timeoutMs: DEADLINE_MS,
    question: (n: number) => asked[n % asked.length] as Question,
  };
  await using direct = await mesh.client();
  await using routed = await mesh.client({ mode: 'routed' });
  const [region] = mesh.regions;
  if (!region) throw new Error('the mesh has no region');
  const callers: Pick<Caller, 'name' | 'call'>[] = [
    { name: 'client', call: clientCall(direct, target) },
    { name: 'client-routed', call: clientCall(routed, target) },
    { name: 'nats', call: await natsCall(mesh, region, target) },
    { name: 'rest', call: restCall(region.restUrl, target) },
  ];
  const ledger = new Ledger();
  const seen = new Sizes(mesh);
  const asleep = (): Promise<unknown> =>
    waitUntil('it sleeps and the pool is empty', () => seen.ready() === 0 && seen.shards() === 1, 90_000);

  await asleep();
  log('asleep, one shard');
  const env = { MASSIF_STATE: stateFileOf(mesh.topology), ENDPOINT };
  const runbook = await OpenRunbook.open('scaling', env);
  let shrunkUnderLoad = false;
  const waves: { most: number; shards: number; firstMs: number }[] = [];
  for (const wave of [0, 1]) {
    seen.forget();
    const arrivals = trace(seed + wave, waveS, perSecond, wave);
    const firstMs = await replay(arrivals, callers, ledger, `wave-${wave}`, async () => {
      if (wave > 0) return void (shrunkUnderLoad = await shrink(direct, seen, log));
      await runbook.run();
    });
    waves.push({ most: seen.most, shards: seen.mostShards, firstMs });
    log(
      `wave ${wave + 1}: ${arrivals.length} requests, at most ${seen.most} replicas on ${seen.mostShards} shards`,
    );
    await asleep();
    log('asleep again, one shard');
  }
  seen.close();
  for (const text of runbook.failed) log(text);
  const accounts = Object.fromEntries(callers.map(({ name }) => [name, ledger.account(name)]));
  const all = Object.values(accounts);
  const sum = (pick: (account: (typeof all)[number]) => number): number =>
    all.reduce((n, account) => n + pick(account), 0);
  const scaling = await direct.scaling(ENDPOINT);
  return {
    requests: sum((a) => a.requests),
    failed: sum((a) => a.failed),
    attempts: sum((a) => a.attempts),
    promises: [
      promise(
        'requests lost',
        sum((a) => a.failed),
        '==',
        0,
        'requests',
      ),
      promise('requests not accounted for', ledger.pending(), '==', 0, 'requests'),
      promise(
        'replicas at most, less in the lesser wave',
        Math.min(...waves.map(({ most }) => most)),
        '>=',
        2,
        'replicas',
      ),
      promise(
        'shrinks to one under load, and no shard of the pool left',
        Number(shrunkUnderLoad),
        '==',
        1,
        'shrinks',
      ),
      promise('waves that woke it from zero', waves.length, '==', 2, 'waves'),
      promise('runbook blocks that failed', runbook.failed.length, '==', 0, 'blocks'),
    ],
    results: {
      seed,
      waves,
      accounts,
      changes: scaling.endpoints[0]?.regions[0]?.changes.map(
        ({ from, to, why }) => `${from} -> ${to}: ${why}`,
      ),
    },
  };
};

async function publish(mesh: DrillMesh, model: Uint8Array): Promise<void> {
  await using client = await mesh.client({ mode: 'routed' });
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  await eventually('the registry takes a push', () =>
    client.registry.push([{ name: 'model.onnx', bytes: model }], {
      model: ENDPOINT,
      label: '1',
      privateKeyPem,
      aliases: ['stable'],
    }),
  );
  await client.registry.deploy({
    endpoint: ENDPOINT,
    model: ENDPOINT,
    timeoutMs: DEADLINE_MS,
    scaling: SCALING,
  });
}

/** The policy is slow to take away, so an operator does it, in the middle of the load. */
async function shrink(client: MassifClient, seen: Sizes, log: (line: string) => void): Promise<boolean> {
  // On a machine that is busy otherwise a shard takes longer to start than half a wave; to shrink it has to have grown.
  await waitUntil('it has grown', () => seen.ready() > 1, GROWN_WITHIN_MS).catch(() => undefined);
  await client.registry.scale({ endpoint: ENDPOINT, scaling: { ...SCALING, pin: 1 } });
  await waitUntil(
    'one replica on one shard is left',
    () => seen.ready() === 1 && seen.shards() === 1,
    60_000,
  );
  log('shrunk to one replica, the nodes of the pool are gone');
  await client.registry.scale({ endpoint: ENDPOINT, scaling: SCALING });
  return true;
}

/** Milliseconds from the beginning: a stretch of the chats' hour, or bursts from the seed where the file is not there. */
function trace(seed: number, seconds: number, perSecond: number, wave: number): number[] {
  const random = seededRandom(seed);
  const real = azureLoad('conversation', 1);
  const count = Math.round(seconds * perSecond);
  if (real && real.length > 4 * count) {
    const from = Math.floor(random() * (real.length - count)) + wave;
    const part = real.slice(from, from + count);
    const [first, last] = [part[0]?.atMs ?? 0, part.at(-1)?.atMs ?? 1];
    return part.map(({ atMs }) => ((atMs - first) / (last - first)) * seconds * 1_000);
  }
  const arrivals: number[] = [];
  for (let atMs = 0; atMs < seconds * 1_000;) {
    const burst = Math.floor(atMs / 2_000) % 3 === 1 ? 2.5 : 0.25;
    atMs += (-Math.log(1 - random()) / (perSecond * burst)) * 1_000;
    arrivals.push(atMs);
  }
  return arrivals;
}

/** Returns when every request has ended, with the time of the first. */
async function replay(
  arrivals: readonly number[],
  callers: readonly Pick<Caller, 'name' | 'call'>[],
  ledger: Ledger,
  wave: string,
  halfWay: () => Promise<void>,
): Promise<number> {
  const begun = performance.now();
  const pending: Promise<void>[] = [];
  let firstMs = 0;
  let half: Promise<void> | undefined;
  for (const [n, atMs] of arrivals.entries()) {
    const earlyMs = atMs - (performance.now() - begun);
    if (earlyMs > 1) await sleep(earlyMs);
    const { name, call } = callers[n % callers.length] as (typeof callers)[number];
    const id = `${wave}-${name}-${n}`;
    const entry = ledger.open(id, name, performance.now());
    const one = call(id, n).then(
      ({ attempts }) => {
        if (n === 0) firstMs = performance.now() - begun;
        ledger.close(entry, performance.now(), { attempts });
      },
      (error: unknown) => ledger.close(entry, performance.now(), { code: codeOf(error) }),
    );
    pending.push(one);
    if (n > arrivals.length / 2) half ??= halfWay();
  }
  await Promise.all(pending);
  await half;
  return Math.round(firstMs);
}

const codeOf = (error: unknown): string =>
  error !== null && typeof error === 'object' && 'code' in error ? String(error.code) : String(error);

/** How many replicas and shards there are, and were at most. */
class Sizes {
  most = 0;
  mostShards = 0;
  private readonly stop: NodeJS.Timeout;

  constructor(private readonly mesh: DrillMesh) {
    this.stop = setInterval(() => {
      this.most = Math.max(this.most, this.ready());
      this.mostShards = Math.max(this.mostShards, this.shards());
    }, 50);
  }

  ready(): number {
    return this.mesh.heard().filter(({ replicas }) => replicas.some(({ state }) => state === 'ready')).length;
  }

  shards(): number {
    return this.mesh.heard().length;
  }

  forget(): void {
    this.most = 0;
    this.mostShards = 0;
  }

  close(): void {
    clearInterval(this.stop);
  }
}
