// How many models can a few shards answer for when only some of them have room? Thousands of endpoints that sleep, a few hundred that
// may be awake, Zipf's law between them: what a caller of an evicted model waits, what a hot model feels of the loads beside it, what
// a hundred loads and unloads leave in memory, and what the residents take.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DrillMesh, eventually, startMesh } from '../chaos-tests/harness.js';
import type { MassifClient } from '../client/mod.js';
import { seededRandom } from '../services/mesh/random.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { Awake } from './density/awake.js';
import { memoryOf } from './density/memory.js';
import { ProcessorTime } from './density/processor-time.js';
import { Spinner } from './density/spinner.js';
import { zipf } from './density/zipf.js';
import { type Benchmark, percentile, round } from './report.js';

interface Size {
  readonly models: number;
  readonly residents: number;
  readonly shards: number;
  /** Requests by Zipf's law after the residents are there. */
  readonly requests: number;
  /** Of each sort: the hot model beside calls of residents, beside loads, beside calls of residents and a process that burns what loads take. */
  readonly windows: number;
  readonly windowMs: number;
}

const SIZES: Record<'ci' | 'quick' | 'full' | 'crowd', Size> = {
  ci: { models: 24, residents: 8, shards: 1, requests: 20, windows: 1, windowMs: 1_000 },
  quick: { models: 600, residents: 60, shards: 1, requests: 200, windows: 4, windowMs: 4_000 },
  full: { models: 10_000, residents: 500, shards: 2, requests: 1_000, windows: 12, windowMs: 5_000 },
  /** `--only crowd`: as many awake as in the full form, so that what a load costs among them is known in four minutes. */
  crowd: { models: 1_000, residents: 500, shards: 2, requests: 300, windows: 4, windowMs: 5_000 },
};
const EXPONENT = 0.9;
const PUSHES_AT_ONCE = 6;
const ZIPF_PER_S = 10;
const HOT_PER_S = 100;
/** Beside the hot model: calls of residents in one window, of evicted ones in the other. */
const BESIDE_PER_S = 5;
const ROUNDS_AIM = 100;
const BESIDE = ['loads', 'residents', 'burning'] as const;
type Beside = (typeof BESIDE)[number];
const PATIENT_MS = 10_000;
const INPUT = { x: { data: new Float32Array(784), shape: [1, 784] } };
const nameOf = (rank: number): string => `model-${rank}`;

export const benchmark: Benchmark = async ({ form, seed, only = '' }) => {
  if (only !== '' && only !== 'crowd') throw new Error('--only names crowd');
  const size = SIZES[only === 'crowd' ? only : form];
  process.env['MASSIF_RESIDENTS_MAX'] = String(size.residents);
  const random = seededRandom(seed);
  await using mesh = await startMesh({ regions: ['east'], shardsPerRegion: size.shards });
  await using client = await mesh.client({ mode: 'routed' });
  const nc = await mesh.nats('operator');
  const residents = new Awake();
  residents.listen(nc);
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  const registered = await registerAll(client, size.models, privateKeyPem);
  progress(`${size.models} registered in ${registered.seconds} s`);
  await register(client, 'hot', mlp(0), privateKeyPem, { minReplicas: 1, maxReplicas: 1 });
  await waitUntil('the hot model is there', () => residents.has('hot'), 60_000);

  // The first requests load until there is no more room.
  const draw = zipf(size.models, EXPONENT, random);
  const fillFrom = performance.now();
  for (let rank = 0; residents.count < size.residents && rank < size.models; rank += 4)
    await Promise.all([0, 1, 2, 3].map((i) => ask(client, nameOf(rank + i))));
  const fillS = (performance.now() - fillFrom) / 1000;
  progress(`${residents.count} awake in ${round(fillS)} s`);
  await sleep(2_000);

  const [hits, misses]: [number[], number[]] = [[], []];
  await atRate(ZIPF_PER_S, size.requests, async () => {
    const name = nameOf(draw());
    const here = residents.has(name);
    const took = await ask(client, name);
    (here ? hits : misses).push(took);
  });

  progress(`${size.requests} asked by Zipf's law`);
  // It is hot before anything is measured: by then it has an engine without crowd.
  await atRate(HOT_PER_S, form === 'ci' ? 50 : 8 * HOT_PER_S, () => ask(client, 'hot'));
  await sleep(2_000);
  const before = memoryOf(mesh, residents.engines());
  const loadsBefore = residents.loads;
  const evicted = new Cycle(size.models, (rank) => !residents.has(nameOf(rank)));
  const woken: number[] = [];
  const hot: Record<Beside, number[]> = { loads: [], residents: [], burning: [] };
  const processors = { loads: new ProcessorTime(), residents: new ProcessorTime() };
  let [loadsMs, loadsSeen] = [0, 0];
  using spinner = new Spinner();
  for (let round = 0; round < size.windows; round++) {
    // Each sort begins in turn: the auditor asks doors every 15 s, which three windows take, and would always have come in those of one sort.
    for (const [turn] of BESIDE.entries()) {
      const beside = BESIDE[(round + turn) % BESIDE.length] as Beside;
      const ms = size.windowMs;
      const pids = pidsOf(mesh, residents);
      const time = beside === 'burning' ? undefined : processors[beside];
      time?.begin(pids);
      const seen = residents.loads;
      const called = atRate(
        HOT_PER_S,
        (HOT_PER_S * ms) / 1000,
        async () => void hot[beside].push(await ask(client, 'hot')),
      );
      const others = atRate(BESIDE_PER_S, (BESIDE_PER_S * ms) / 1000, async () => {
        if (beside === 'burning') spinner.burn(loadsMs);
        if (beside === 'loads') woken.push(await ask(client, nameOf(evicted.next())));
        else await ask(client, residents.any(random) ?? 'hot');
      });
      await Promise.all([called, others]);
      time?.end(pids);
      if (beside === 'loads') loadsSeen += residents.loads - seen;
      // As many windows of the one as of the other.
      if (hot.loads.length === hot.residents.length)
        loadsMs = sumOf(processors.loads.beyond(processors.residents, loadsSeen));
    }
    progress(`window ${round + 1} of ${size.windows}`);
  }
  // A round is one model in and one model out.
  while (form !== 'ci' && residents.loads - loadsBefore < ROUNDS_AIM) {
    woken.push(await ask(client, nameOf(evicted.next())));
    await sleep(100);
  }
  await sleep(form === 'ci' ? 0 : 8_000);
  const after = memoryOf(mesh, residents.engines());
  const rounds = residents.loads - loadsBefore;
  const listed = await timed(() => client.registry.endpoints());
  await nc.close();

  const growth = after.shards.rss / before.shards.rss - 1;
  const more = (beside: Beside): number =>
    100 * (percentile(hot[beside], 0.99) / percentile(hot.residents, 0.99) - 1);
  const ms = (samples: readonly number[]) => ({
    count: samples.length,
    p50: round(percentile(samples, 0.5)),
    p99: round(percentile(samples, 0.99)),
  });
  const engines = residents.engines().length;
  const results = {
    registered: { ...registered, listMs: round(listed) },
    fill: { residents: residents.count, seconds: round(fillS) },
    resident: ms(hits),
    evicted: ms(misses),
    woken: ms(woken),
    hot: { residents: ms(hot.residents), loads: ms(hot.loads), burning: ms(hot.burning) },
    // The floor of the machine: as much processor time burnt beside it by somebody who touches nothing of the mesh.
    floor: { loadMs: round(loadsMs), p99MorePercent: round(more('burning')) },
    processorMsOfALoad: processors.loads.beyond(processors.residents, loadsSeen),
    memory: { engines, rounds, before, after },
  };
  console.dir(results, { depth: 4 });
  return {
    results,
    aims: [
      {
        name: 'a call of an evicted model, p50',
        value: percentile(misses, 0.5),
        unit: 'ms',
        aim: 100,
        op: '<=',
      },
      { name: "hot model's p99 while others load", value: more('loads'), unit: '% more', aim: 20, op: '<=' },
      {
        name: `memory of the shards after ${rounds} rounds`,
        value: 100 * growth,
        unit: '% more',
        aim: 10,
        op: '<=',
      },
    ],
  };
};

/** What a process of the mesh is in the sum of processor times. */
function pidsOf(mesh: DrillMesh, residents: Awake): Map<number, string> {
  const hot = residents.engineOf('hot');
  const engines = residents.engines().map((pid) => [pid, pid === hot ? 'hot engine' : 'engines'] as const);
  const others = mesh
    .targets()
    .flatMap(({ kind, pid }) => (kind !== 'engine' && pid !== undefined ? [[pid, kind] as const] : []));
  return new Map([...others, ...engines, [process.pid, 'caller']]);
}

const sumOf = (times: Readonly<Record<string, number>>): number =>
  Object.values(times).reduce((sum, ms) => sum + Math.max(0, ms), 0);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

const progress = (done: string): void => console.error(`density: ${done}`);

const ask = (client: MassifClient, name: string): Promise<number> =>
  timed(() => client.infer(name, INPUT, { timeoutMs: PATIENT_MS }));

/** On a fixed schedule, whatever comes back; all of them have ended when it returns. */
async function atRate(perS: number, count: number, work: () => Promise<unknown>): Promise<void> {
  const from = performance.now();
  const pending: Promise<unknown>[] = [];
  for (let sent = 0; sent < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - from) / 1000) * perS) + 1);
    for (; sent < due; sent++) pending.push(work());
    await sleep(2);
  }
  await Promise.all(pending);
}

async function register(
  client: MassifClient,
  name: string,
  model: Uint8Array,
  privateKeyPem: string,
  scaling: object,
): Promise<[number, number]> {
  const files = [{ name: 'model.onnx', bytes: model }];
  const pushed = await timed(() =>
    eventually('the registry takes a push', () =>
      client.registry.push(files, { model: name, label: '1', privateKeyPem, aliases: ['stable'] }),
    ),
  );
  const deployed = await timed(() => client.registry.deploy({ endpoint: name, model: name, scaling }));
  return [pushed, deployed];
}

/** Asleep; what it takes in the beginning and at the end, and how many come in a second. */
async function registerAll(client: MassifClient, models: number, privateKeyPem: string) {
  const scaling = { minReplicas: 0, initialReplicas: 0, maxReplicas: 1, idleMs: 3_600_000 };
  const pushes: number[] = [];
  const deploys: number[] = [];
  const doneMs: number[] = [];
  const from = performance.now();
  let rank = 0;
  const one = async (): Promise<void> => {
    for (let mine = rank++; mine < models; mine = rank++) {
      const hidden = mine % 4 === 0 ? 64 : 16;
      const [push, deploy] = await register(
        client,
        nameOf(mine),
        mlp(mine + 1, hidden),
        privateKeyPem,
        scaling,
      );
      pushes.push(push);
      deploys.push(deploy);
      doneMs.push(performance.now() - from);
      if (doneMs.length % 1_000 === 0) progress(`${doneMs.length} registered`);
    }
  };
  await Promise.all(Array.from({ length: PUSHES_AT_ONCE }, one));
  const tenth = Math.ceil(models / 10);
  /** Over the tenth that ends with this one. */
  const perS = (count: number) =>
    round((1_000 * tenth) / ((doneMs[count - 1] ?? 0) - (doneMs[count - tenth - 1] ?? 0)));
  const p50 = (samples: readonly number[]) => round(percentile(samples, 0.5));
  return {
    models,
    seconds: round((performance.now() - from) / 1000),
    perS: { first: perS(tenth), half: perS(Math.ceil(models / 2)), last: perS(models) },
    pushMs: { first: p50(pushes.slice(0, tenth)), last: p50(pushes.slice(-tenth)) },
    deployMs: { first: p50(deploys.slice(0, tenth)), last: p50(deploys.slice(-tenth)) },
  };
}

/** Ranks in turn, those of which `fits` is true; the rarely asked ones first. */
class Cycle {
  private at: number;

  constructor(
    private readonly count: number,
    private readonly fits: (rank: number) => boolean,
  ) {
    this.at = count;
  }

  next(): number {
    for (let tries = 0; tries < this.count; tries++) {
      this.at = (this.at || this.count) - 1;
      if (this.fits(this.at)) break;
    }
    return this.at;
  }
}
