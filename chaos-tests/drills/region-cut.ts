// Cuts the line between two regions, frozen, severed and flapping in turn, under load. Both sides serve their own; what only the home may
// decide is decided there and refused by code on the other side; when the line is whole again the cut-off side has all that it missed.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buckets } from '../../contracts/buckets.js';
import type { MassifClient } from '../../client/mod.js';
import { connectBus } from '../../services/mesh/bus.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { clientCall, natsCall, restCall } from '../callers.js';
import { type DrillMesh, eventually, startMesh, stateFileOf } from '../harness.js';
import { orderThrough } from '../order.js';
import { Ledger } from '../ledger.js';
import type { Break } from '../link.js';
import { type Caller, openLoop } from '../open-loop.js';
import { type Drill, promise } from '../promises.js';
import { type Question, questions } from '../questions.js';
import { OpenRunbook } from '../runbook.js';

const ENDPOINT = 'mlp';
const DEADLINE_MS = 2_000;
const FORMS = {
  ci: { cuts: ['severed'], cutMs: 3_000, perSecond: 40 },
  quick: { cuts: ['severed', 'frozen', 'flapping'], cutMs: 6_000, perSecond: 80 },
  full: { cuts: ['severed', 'frozen', 'flapping', 'frozen', 'severed'], cutMs: 20_000, perSecond: 150 },
} as const satisfies Record<string, { cuts: readonly Break[]; cutMs: number; perSecond: number }>;
/** JetStream's own mirror may take two minutes to ask a lost origin again; what matters is read from the home directly. */
const CONVERGED_WITHIN_MS = 150_000;

export const drill: Drill = async ({ form, seed, log }) => {
  const { cuts, cutMs, perSecond } = FORMS[form];
  await using mesh = await startMesh({ cuttable: true });
  const model = mlp(1);
  await mesh.publish(ENDPOINT, [{ name: 'model.onnx', bytes: model }], 1);
  const asked = await questions(model, 16);
  const target = {
    endpoint: ENDPOINT,
    timeoutMs: DEADLINE_MS,
    question: (n: number) => asked[n % asked.length] as Question,
  };
  // Everybody knows his own region alone: nothing but the mesh can bring a request over the line.
  const clients: MassifClient[] = [];
  const callers: Caller[] = [];
  for (const region of mesh.regions) {
    const { name, natsUrl, restUrl } = region;
    for (const mode of ['direct', 'routed'] as const) {
      const client = await mesh.client({ mode, nats: natsUrl });
      clients.push(client);
      callers.push({ name: `${mode}-${name}`, perSecond, call: clientCall(client, target) });
    }
    callers.push({ name: `nats-${name}`, perSecond: 20, call: await natsCall(mesh, region, target) });
    callers.push({ name: `rest-${name}`, perSecond: 20, call: restCall(restUrl, target) });
  }
  const ledger = new Ledger();
  const stop = new AbortController();
  const load = openLoop(callers, ledger, stop.signal);
  const env = { MASSIF_STATE: stateFileOf(mesh.topology), ENDPOINT };
  const runbook = await OpenRunbook.open('region-cut', env);

  const seen: Cut[] = [];
  await sleep(500);
  for (const [turn, how] of cuts.entries()) {
    const fresh = `fresh-${turn}`;
    const atMs = performance.now();
    mesh.link?.cut(how);
    const until = sleep(cutMs);
    const there = await orderThrough(mesh, ENDPOINT, mesh.regions[1]?.natsUrl);
    await pushAt(mesh, 'east', fresh);
    if (turn === 0) await runbook.run('Steps');
    await until;
    mesh.link?.mend();
    const mendedMs = performance.now();
    const served = await within(`${fresh} serves in both regions`, () => readyEverywhere(mesh, fresh));
    const same = await within('the catalogs are the same', () => sameCatalogs(mesh));
    seen.push({
      how,
      cutForMs: Math.round(mendedMs - atMs),
      there,
      servedAfterMs: served,
      sameAfterMs: same,
    });
    log(JSON.stringify(seen.at(-1)));
    await mesh.settled(ENDPOINT);
  }
  await runbook.run('Check');
  stop.abort();
  await load;
  await Promise.all(clients.map((client) => client.close()));
  for (const text of runbook.failed) log(text);

  const accounts = Object.fromEntries(callers.map(({ name }) => [name, ledger.account(name)]));
  const sum = (what: 'requests' | 'failed' | 'attempts', who: RegExp): number =>
    callers
      .filter(({ name }) => who.test(name))
      .reduce((all, { name }) => all + (accounts[name]?.[what] ?? 0), 0);
  const library = /^(direct|routed)-/;
  return {
    requests: sum('requests', library),
    failed: sum('failed', library),
    attempts: sum('attempts', library),
    promises: [
      promise('cuts', seen.length, '==', cuts.length, 'cuts'),
      promise('requests through the client library that failed', sum('failed', library), '==', 0, 'requests'),
      // One that was on its way over the line when it broke has nobody who tries again.
      promise(
        'requests of plain callers that failed',
        sum('failed', /^(nats|rest)-/),
        '<=',
        2 * cuts.length,
        'requests',
      ),
      promise('requests not accounted for', ledger.pending(), '==', 0, 'requests'),
      promise(
        'orders on the cut-off side that were refused by code',
        seen.filter(({ how, there }) => how === 'flapping' || REFUSED.has(there)).length,
        '==',
        cuts.length,
        'orders',
      ),
      promise(
        'cuts after which what the home took was not served everywhere',
        seen.filter(({ servedAfterMs }) => servedAfterMs === Infinity).length,
        '==',
        0,
        'cuts',
      ),
      promise(
        'cuts after which the catalogs differed',
        seen.filter(({ sameAfterMs }) => sameAfterMs === Infinity).length,
        '==',
        0,
        'cuts',
      ),
      promise('runbook blocks that failed', runbook.failed.length, '==', 0, 'blocks'),
    ],
    results: { seed, accounts, cuts: seen },
  };
};

interface Cut {
  readonly how: Break;
  readonly cutForMs: number;
  /** What came of an order on the cut-off side: a code, or `taken` where the line let it through. */
  readonly there: string;
  readonly servedAfterMs: number;
  readonly sameAfterMs: number;
}

const REFUSED = new Set(['UNAVAILABLE', 'DEADLINE']);

/** A version of its own bytes and an endpoint for it. */
async function pushAt(mesh: DrillMesh, region: string, name: string): Promise<void> {
  const nats = mesh.regions.find((one) => one.name === region)?.natsUrl ?? '';
  await using client = await mesh.client({ mode: 'routed', nats });
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  const bytes = mlp(1 + name.length * 100 + name.charCodeAt(name.length - 1));
  const files = [{ name: 'model.onnx', bytes }];
  const order = { model: name, label: '1', privateKeyPem, aliases: ['stable'] };
  // The line may let half a push through: it is asked again, and is the same version.
  await eventually('the home takes a push', () => client.registry.push(files, order));
  await client.registry.deploy({ endpoint: name, model: name, replicasPerRegion: 1, timeoutMs: DEADLINE_MS });
}

async function within(what: string, done: () => Promise<boolean>): Promise<number> {
  const fromMs = performance.now();
  try {
    await waitUntil(what, done, CONVERGED_WITHIN_MS);
    return Math.round(performance.now() - fromMs);
  } catch {
    return Infinity;
  }
}

async function readyEverywhere(mesh: DrillMesh, endpoint: string): Promise<boolean> {
  const answers = await Promise.all(
    mesh.regions.map(async ({ restUrl }) => (await fetch(`${restUrl}/v2/models/${endpoint}/ready`)).status),
  );
  const regions = mesh
    .heard()
    .filter(({ replicas }) => replicas.some(({ model, state }) => model === endpoint && state === 'ready'))
    .map(({ region }) => region);
  return answers.every((status) => status === 200) && new Set(regions).size === mesh.regions.length;
}

/** Each region's own copy, key by key. */
async function sameCatalogs(mesh: DrillMesh): Promise<boolean> {
  const [first, ...others] = await Promise.all(
    mesh.regions.map(({ natsUrl }) => catalogAt(natsUrl, mesh.key('operator'))),
  );
  return others.every((other) => other === first);
}

async function catalogAt(url: string, key: string | undefined): Promise<string> {
  const bus = await connectBus({ url, key, name: 'drill' });
  try {
    const kv = await bus.kv(buckets.catalog(bus.region));
    const keys: string[] = [];
    for await (const key of await kv.keys()) keys.push(key);
    const entries = await Promise.all(
      keys.toSorted().map(async (key) => `${key} ${(await kv.get(key))?.string()}`),
    );
    return entries.join('\n');
  } finally {
    await bus.drain();
  }
}
