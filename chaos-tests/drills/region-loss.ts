// Takes a whole region away under load, NATS server, Consul and all services at once, first the home and then the other, and brings it
// back. Callers that know both regions must not notice; those of the region that stays must not either. What is lost with the home is said
// by code (no pushes, no deployments), and a region that returns gets its callers back once.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MassifClient } from '../../client/mod.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { natsCall, restCall } from '../callers.js';
import { type DrillMesh, startMesh, stateFileOf } from '../harness.js';
import { orderThrough } from '../order.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { Ledger } from '../ledger.js';
import { type Caller, openLoop } from '../open-loop.js';
import { type Drill, promise } from '../promises.js';
import { type Question, questions } from '../questions.js';
import { OpenRunbook } from '../runbook.js';
import { type Answered, returnsOf, tracedCall } from '../traced-call.js';

const ENDPOINT = 'mlp';
const DEADLINE_MS = 2_000;
const FORMS = {
  ci: { rounds: 1, goneMs: 1_500, perSecond: 50 },
  quick: { rounds: 1, goneMs: 5_000, perSecond: 100 },
  full: { rounds: 3, goneMs: 15_000, perSecond: 200 },
} as const;
/** From the kill to the first answer of the region that is left, for callers of the one that is gone. */
const FIRST_ANSWER_MS = 250;
const ORDERS_WITHIN_MS = 30_000;
/** A region that is back has been found by its callers. */
const BACK_MS = 8_000;

export const drill: Drill = async ({ form, seed, log }) => {
  const { rounds, goneMs, perSecond } = FORMS[form];
  await using mesh = await startMesh();
  const model = mlp(1);
  await mesh.publish(ENDPOINT, [{ name: 'model.onnx', bytes: model }], 1);
  const asked = await questions(model, 16);
  const target = {
    endpoint: ENDPOINT,
    timeoutMs: DEADLINE_MS,
    question: (n: number) => asked[n % asked.length] as Question,
  };

  const clients: MassifClient[] = [];
  const callers: Caller[] = [];
  const answered: Answered[] = [];
  for (const [index, region] of mesh.regions.entries())
    for (const mode of ['direct', 'routed'] as const) {
      const urls = [...mesh.natsUrls.slice(index), ...mesh.natsUrls.slice(0, index)];
      const client = await mesh.client({ mode, nats: urls });
      clients.push(client);
      const name = `${mode}-${region.name}`;
      callers.push({
        name,
        perSecond: mode === 'direct' ? perSecond : perSecond / 4,
        call: tracedCall(client, target, (replica, atMs) => answered.push({ caller: name, replica, atMs })),
      });
    }
  for (const region of mesh.regions) {
    callers.push({
      name: `nats-${region.name}`,
      perSecond: 10,
      call: await natsCall(mesh, region, target),
    });
    callers.push({ name: `rest-${region.name}`, perSecond: 10, call: restCall(region.restUrl, target) });
  }

  const ledger = new Ledger();
  const stop = new AbortController();
  const load = openLoop(callers, ledger, stop.signal);
  const env = { MASSIF_STATE: stateFileOf(mesh.topology), ENDPOINT };
  const runbook = await OpenRunbook.open('region-lost', env);

  const losses: Loss[] = [];
  let unsettled = 0;
  await sleep(1_000);
  for (let round = 0; round < rounds; round++)
    for (const region of mesh.regions) {
      const loss: Loss = { region: region.name, atMs: performance.now(), backMs: Infinity, order: '' };
      losses.push(loss);
      const kill = { kind: 'region', name: region.name, atMs: loss.atMs, recoveredMs: Infinity };
      ledger.kills.push(kill);
      mesh.lose(region.name);
      const until = sleep(goneMs);
      loss.order = await orderThrough(mesh, ENDPOINT);
      if (round === 0) await runbook.run('Steps');
      await until;
      loss.backMs = performance.now();
      mesh.bringBack(region.name);
      await mesh.settled(ENDPOINT).catch((error: unknown) => {
        unsettled++;
        log(String(error));
      });
      kill.recoveredMs = performance.now();
      const settledMs = Math.round(kill.recoveredMs - loss.backMs);
      log(
        `${region.name} was gone for ${Math.round(loss.backMs - loss.atMs)} ms, settled after ${settledMs} ms`,
      );
      const takesOrders = async () => (await orderThrough(mesh, ENDPOINT)) === 'taken';
      await waitUntil('the mesh takes orders again', takesOrders, ORDERS_WITHIN_MS);
      await sleep(form === 'ci' ? 1_000 : BACK_MS);
    }
  await runbook.run('Check');
  stop.abort();
  await load;
  await Promise.all(clients.map((client) => client.close()));
  for (const text of runbook.failed) log(text);

  const accounts = Object.fromEntries(callers.map(({ name }) => [name, ledger.account(name)]));
  const through = callers.filter(({ name }) => /^(direct|routed)-/.test(name)).map(({ name }) => name);
  const stayed = losses.flatMap(({ region, atMs, backMs }) =>
    mesh.regions
      .filter(({ name }) => name !== region)
      .flatMap(({ name }) =>
        ['nats', 'rest'].map((door) => ledger.lostBetween(`${door}-${name}`, atMs, backMs)),
      ),
  );
  const firsts = losses.flatMap(({ region, atMs }) =>
    ['direct', 'routed'].map((mode) =>
      Math.round(firstAfter(answered, `${mode}-${region}`, region, atMs) - atMs),
    ),
  );
  const moves = losses.map(({ region, backMs }, i) =>
    returnsOf(answered, `direct-${region}`, region, backMs, losses[i + 1]?.atMs ?? Infinity),
  );
  const failed = through.reduce((sum, name) => sum + (accounts[name]?.failed ?? 0), 0);
  const requests = through.reduce((sum, name) => sum + (accounts[name]?.requests ?? 0), 0);
  return {
    requests,
    failed,
    attempts: through.reduce((sum, name) => sum + (accounts[name]?.attempts ?? 0), 0),
    promises: [
      promise('regions lost', losses.length, '==', rounds * mesh.regions.length, 'regions'),
      promise('requests through the client library that failed', failed, '==', 0, 'requests'),
      promise('requests not accounted for', ledger.pending(), '==', 0, 'requests'),
      promise('requests lost by plain callers of the region that stayed', sum(stayed), '==', 0, 'requests'),
      promise(
        'orders while the home is gone that were refused by code',
        refusals(losses, mesh),
        '==',
        rounds,
        'orders',
      ),
      promise('losses after which the mesh did not settle', unsettled, '==', 0, 'losses'),
      promise('runbook blocks that failed', runbook.failed.length, '==', 0, 'blocks'),
      promise(
        'times that callers left a region that was back',
        sum(moves.map(({ left }) => left)),
        '==',
        0,
        'times',
      ),
      promise(
        'slowest first answer after a loss',
        Math.max(...firsts),
        '<=',
        form === 'ci' ? DEADLINE_MS : FIRST_ANSWER_MS,
        'ms',
      ),
    ],
    results: {
      seed,
      accounts,
      firstAnswerMs: firsts,
      backAfterMs: moves.map(({ afterMs }) => afterMs),
      losses,
    },
  };
};

interface Loss {
  readonly region: string;
  readonly atMs: number;
  backMs: number;
  /** What came of an order meanwhile. */
  order: string;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const homeOf = (mesh: DrillMesh): string => mesh.regions.find(({ home }) => home)?.name ?? '';
const refusals = (losses: readonly Loss[], mesh: DrillMesh): number =>
  losses.filter(({ region, order: came }) => region === homeOf(mesh) && came === 'UNAVAILABLE').length;

/** The moment of the first answer that another region gave to this caller. */
function firstAfter(answered: readonly Answered[], caller: string, lost: string, atMs: number): number {
  const first = answered.find(
    (one) => one.caller === caller && one.atMs >= atMs && !one.replica.startsWith(`shard-${lost}-`),
  );
  return first?.atMs ?? Infinity;
}
