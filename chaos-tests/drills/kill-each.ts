// SIGKILLs every kind of process at random moments under an open-loop load, and accounts for every request by its id: the client
// library loses none; plain callers of one door lose what is said here, kind by kind; a control run without retries must lose some.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MassifClient } from '../../client/mod.js';
import { seededRandom } from '../../services/mesh/random.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { clientCall, natsCall, restCall } from '../callers.js';
import { startMesh, stateFileOf } from '../harness.js';
import { Ledger } from '../ledger.js';
import { type Caller, openLoop } from '../open-loop.js';
import { type Drill, promise } from '../promises.js';
import { OpenRunbook } from '../runbook.js';
import { type Question, questions } from '../questions.js';

const ENDPOINT = 'mlp';
const DEADLINE_MS = 2_000;
const SHARDS_PER_REGION = 2;
const KINDS = ['engine', 'shard', 'router', 'gateway', 'registry', 'trainer', 'nats', 'consul'] as const;
const ROUNDS = { ci: 1, quick: 2, full: 7 } as const;
/** Of the rates below. What comes in costs half a core, and a mesh that recovers computes. */
const SHARE = { ci: 0.4, quick: 1, full: 1 } as const;

/** Requests one kill may cost the plain callers of one door together, by kind; nothing retries for them. */
const PLAIN_LOSS_MAX: Record<(typeof KINDS)[number], number> = {
  engine: 2,
  shard: 4,
  router: 8,
  gateway: 100,
  registry: 0,
  trainer: 0,
  nats: 100,
  consul: 0,
};

export const drill: Drill = async ({ form, seed, log }) => {
  const random = seededRandom(seed);
  const share = SHARE[form];
  await using mesh = await startMesh({ shardsPerRegion: SHARDS_PER_REGION, apart: true });
  const model = mlp(1);
  await mesh.publish(ENDPOINT, [{ name: 'model.onnx', bytes: model }], SHARDS_PER_REGION);
  const asked = await questions(model, 16);
  const target = {
    endpoint: ENDPOINT,
    timeoutMs: DEADLINE_MS,
    question: (n: number) => asked[n % asked.length] as Question,
  };

  await using direct = await mesh.client();
  await using routed = await mesh.client({ mode: 'routed' });
  const callers: Caller[] = [
    { name: 'client', perSecond: 200 * share, call: clientCall(direct, target) },
    { name: 'client-routed', perSecond: 20 * share, call: clientCall(routed, target) },
  ];
  const controls: MassifClient[] = [];
  for (const region of mesh.regions) {
    // One near each region, so that whichever shard is killed somebody without retries was about to ask it.
    const control = await mesh.client({ nats: [region.natsUrl], retries: false });
    controls.push(control);
    callers.push({
      name: `control-${region.name}`,
      perSecond: 60 * share,
      call: clientCall(control, target),
    });
    callers.push({
      name: `nats-${region.name}`,
      perSecond: 20 * share,
      call: await natsCall(mesh, region, target),
    });
    callers.push({
      name: `rest-${region.name}`,
      perSecond: 20 * share,
      call: restCall(region.restUrl, target),
    });
  }

  const ledger = new Ledger();
  const stop = new AbortController();
  const load = openLoop(callers, ledger, stop.signal);
  const env = { MASSIF_STATE: stateFileOf(mesh.topology), ENDPOINT };
  const runbook = await OpenRunbook.open('process-lost', env);

  let unsettled = 0;
  for (let round = 0; round < ROUNDS[form]; round++) {
    for (const kind of shuffled(KINDS, random)) {
      await sleep(100 + random() * 400);
      const victims = mesh.targets().filter((target) => target.kind === kind);
      const victim = victims[Math.floor(random() * victims.length)];
      if (!victim) throw new Error(`there is no ${kind} to kill`);
      const kill = {
        kind,
        name: victim.name,
        atMs: performance.now(),
        recoveredMs: Number.POSITIVE_INFINITY,
      };
      ledger.kills.push(kill);
      victim.kill();
      const settling = mesh
        .settled(ENDPOINT, victim)
        .catch((error: unknown) => {
          unsettled++;
          log(String(error));
        })
        .then(() => (kill.recoveredMs = performance.now()));
      // Beside it, as an operator would: its commands take half a minute on busy cores, which is no time of the mesh's.
      if (round === 0 && kind === 'shard') await runbook.run('Steps');
      await settling;
      log(
        `${ledger.kills.length}. killed ${victim.name}: settled after ${Math.round(kill.recoveredMs - kill.atMs)} ms`,
      );
    }
  }
  await runbook.run('Check');
  stop.abort();
  await load;
  await Promise.all(controls.map((control) => control.close()));
  for (const text of runbook.failed) log(text);

  const accounts = Object.fromEntries(callers.map(({ name }) => [name, ledger.account(name)]));
  for (const name of ['client', 'client-routed'])
    if (accounts[name]?.failed) log(`failed through ${name}: ${JSON.stringify(accounts[name].codes)}`);
  const losses = Object.fromEntries(callers.map(({ name }) => [name, ledger.lossesByKind(name)]));
  const client = [ledger.account('client'), ledger.account('client-routed')];
  const sum = (pick: (a: (typeof client)[number]) => number): number =>
    client.reduce((n, a) => n + pick(a), 0);
  const controlLosses = mesh.regions.reduce((n, { name }) => n + ledger.account(`control-${name}`).failed, 0);
  const promises = [
    promise('kills', ledger.kills.length, '>=', form === 'full' ? 50 : KINDS.length, 'kills'),
    promise(
      'kinds of process killed',
      new Set(ledger.kills.map((k) => k.kind)).size,
      '==',
      KINDS.length,
      'kinds',
    ),
    promise(
      'requests through the client library that failed',
      sum((a) => a.failed),
      '==',
      0,
      'requests',
    ),
    promise('requests not accounted for', ledger.pending(), '==', 0, 'requests'),
    // One kill of each kind may by luck fall between two requests.
    promise(
      'requests lost without retries (control)',
      controlLosses,
      '>=',
      form === 'ci' ? 0 : 1,
      'requests',
    ),
    promise('kills after which the mesh did not settle', unsettled, '==', 0, 'kills'),
    promise('runbook blocks that failed', runbook.failed.length, '==', 0, 'blocks'),
    ...KINDS.map((kind) => {
      const kills = ledger.kills.filter((k) => k.kind === kind).length;
      const plain = callers.filter(({ name }) => /^(nats|rest)-/.test(name));
      const lost = plain.reduce((n, { name }) => n + (losses[name]?.[kind] ?? 0), 0);
      return promise(
        `plain callers' losses, ${kind} killed`,
        lost,
        '<=',
        PLAIN_LOSS_MAX[kind] * kills,
        'requests',
      );
    }),
    promise(
      'longest answer of the client library',
      longest(client),
      '<=',
      form === 'full' ? DEADLINE_MS : Infinity,
      'ms',
    ),
  ];
  return {
    requests: sum((a) => a.requests),
    failed: sum((a) => a.failed),
    attempts: sum((a) => a.attempts),
    promises,
    results: { seed, accounts, losses },
  };
};

const longest = (accounts: readonly { longestMs: number }[]): number =>
  Math.round(Math.max(...accounts.map((a) => a.longestMs)));

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value);
}
