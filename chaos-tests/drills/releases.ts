// Every strategy and its abort while requests come in on a fixed schedule: none may fail, and none may be answered by a version whose
// share has been 0 for longer than two seconds. Every decision is heard as it is published, and its weights are added up.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MassifClient } from '../../client/mod.js';
import { followRelease } from '../../client/commands/follow-release.js';
import { root } from '../../deploy/local/root.mjs';
import { systemClock } from '../../services/mesh/clock.js';
import { replay } from '../../services/mesh/release/replay.js';
import { judge } from '../../services/mesh/statistics/judge.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { clientCall, natsCall, restCall } from '../callers.js';
import { type DrillMesh, startMesh, stateFileOf } from '../harness.js';
import { Ledger } from '../ledger.js';
import { type Caller, openLoop } from '../open-loop.js';
import { type Drill, promise } from '../promises.js';
import { pushVersions } from '../push-versions.js';
import { questions } from '../questions.js';
import { readRunbook, runBlock } from '../runbook.js';
import { type Play, scenarios, type Scenario, SLOW } from '../release-scenarios.js';
import { WeightWatch } from '../weight-watch.js';

const ENDPOINT = 'mlp';
const DEADLINE_MS = 2_000;
const LABELS = ['1', '2', '3'];
const SHARDS_PER_REGION = 2;
const RUNBOOK = join(root, 'deploy', 'runbooks', 'releases.md');
const LATE_MS = 2_000;

/** Requests a second of all callers together, and how long one share of the traffic is held. */
const FORMS = {
  ci: { perSecond: 100, holdMs: 300, requestsMin: 0 },
  quick: { perSecond: 300, holdMs: 1_000, requestsMin: 0 },
  full: { perSecond: 500, holdMs: 5_000, requestsMin: 100_000 },
} as const;

export const drill: Drill = async ({ form, seed, log }) => {
  const { perSecond, holdMs, requestsMin } = FORMS[form];
  await using mesh = await startMesh({ shardsPerRegion: SHARDS_PER_REGION });
  const watch = await WeightWatch.open(mesh, ENDPOINT);
  const asked = new Map<string, Awaited<ReturnType<typeof questions>>>();
  const models = new Map([
    ...LABELS.map((label) => [label, mlp(Number(label))] as const),
    [SLOW, mlp(9, 8_192)],
  ]);
  for (const [label, model] of models) asked.set(label, await questions(model, 16));
  await mesh.publish(ENDPOINT, [{ name: 'model.onnx', bytes: mlp(1) }], SHARDS_PER_REGION);
  await using direct = await mesh.client();
  models.delete('1');
  await pushVersions(mesh, direct, ENDPOINT, models);

  const question = (n: number) => ({
    input: asked.get('1')?.[n % 16]?.input as Float32Array,
    check(output: unknown, label = '') {
      const right = asked.get(label)?.[n % 16];
      if (!right) throw Object.assign(new Error(`no version ${label}`), { code: 'WRONG_ANSWER' });
      right.check(output);
      watch.answered(label, systemClock.now());
    },
  });
  const target = { endpoint: ENDPOINT, timeoutMs: DEADLINE_MS, question };
  const callers: Caller[] = [
    { name: 'client', perSecond: perSecond * 0.6, call: clientCall(direct, target) },
  ];
  for (const region of mesh.regions) {
    callers.push({
      name: `nats-${region.name}`,
      perSecond: perSecond * 0.1,
      call: await natsCall(mesh, region, target),
    });
    callers.push({
      name: `rest-${region.name}`,
      perSecond: perSecond * 0.1,
      call: restCall(region.restUrl, target),
    });
  }
  const ledger = new Ledger();
  const stop = new AbortController();
  const load = openLoop(callers, ledger, stop.signal);

  const wrong: string[] = [];
  let serving = '1';
  const run = async (make: Play): Promise<void> => {
    const other = LABELS[LABELS.indexOf(serving) + 1] ?? (LABELS[0] as string);
    const scenario = make(serving, other);
    const difference = await play(scenario, direct, log);
    if (difference === undefined) serving = scenario.serves;
    else wrong.push(`${scenario.name}: ${difference}`);
  };
  const all = scenarios({ endpoint: ENDPOINT, holdMs, form });
  for (const one of all) await run(one);
  const failedBlocks = await runbook(mesh, await lastRelease(direct));
  // The rate and the number of requests are promised, so the load goes on until both are reached.
  while (ledger.account('client').requests * (1 / 0.6) < requestsMin) {
    for (const one of all) await run(one);
  }
  stop.abort();
  await load;
  await watch.close();

  const accounts = Object.fromEntries(callers.map(({ name }) => [name, ledger.account(name)]));
  const sum = (pick: (account: (typeof accounts)[string]) => number): number =>
    Object.values(accounts).reduce((total, account) => total + pick(account), 0);
  for (const text of [...wrong, ...failedBlocks, ...watch.wrong]) log(text);
  return {
    requests: sum((a) => a.requests),
    failed: sum((a) => a.failed),
    attempts: sum((a) => a.attempts),
    promises: [
      promise('releases and aborts', watch.releases, '>=', all.length, 'releases'),
      promise('releases that ended otherwise than they should', wrong.length, '==', 0, 'releases'),
      promise(
        'requests',
        sum((a) => a.requests),
        '>=',
        requestsMin,
        'requests',
      ),
      promise(
        'failed requests',
        sum((a) => a.failed),
        '==',
        0,
        'requests',
      ),
      promise('requests not accounted for', ledger.pending(), '==', 0, 'requests'),
      promise(
        `answers of a version ${LATE_MS} ms after it got weight 0`,
        watch.late(LATE_MS),
        '==',
        0,
        'answers',
      ),
      promise('plans whose weights do not add up', watch.wrong.length, '==', 0, 'plans'),
      promise('runbook blocks that failed', failedBlocks.length, '==', 0, 'blocks'),
    ],
    results: { seed, accounts, plans: watch.plans, latestAnswerAfterZeroMs: watch.latestMs() },
  };
};

/** What came otherwise than it should, in words. */
async function play(
  scenario: Scenario,
  client: MassifClient,
  log: (line: string) => void,
): Promise<string | undefined> {
  const began = performance.now();
  const { id } = await client.releases.apply(scenario.spec, 'drill');
  await scenario.orders?.(client.releases, id);
  const out = { note: () => undefined } as never;
  const followed = await followRelease(
    { clock: systemClock, signal: AbortSignal.timeout(60_000), out },
    client.releases,
    id,
  );
  let record = followed;
  while (record.state === 'draining') {
    await sleep(100);
    record = await client.releases.show(id);
  }
  const journal = await client.releases.history(id);
  const turn = journal.find(({ to }) => to === 'aborting') ?? record.last;
  log(
    `${id} ${scenario.name}: ${record.state} after ${Math.round(performance.now() - began)} ms, ${record.last.seq} decisions, ${turn.why}`,
  );
  if (record.state !== scenario.ends) return `${record.state}, not ${scenario.ends}: ${turn.why}`;
  const serving = record.plan.arms.filter(({ weight }) => weight > 0).map(({ label }) => label);
  if (serving.join() !== scenario.serves) return `${serving.join()} serves, not ${scenario.serves}`;
  const again = replay(journal, judge);
  return again.same ? undefined : `entry ${again.seq} replays differently: ${again.difference}`;
}

async function lastRelease(client: MassifClient): Promise<string> {
  const [last] = await client.releases.list({ endpoint: ENDPOINT });
  return last?.id ?? '';
}

async function runbook(mesh: DrillMesh, release: string): Promise<string[]> {
  const env = { ...process.env, MASSIF_STATE: stateFileOf(mesh.topology), ENDPOINT, RELEASE: release };
  const failed: string[] = [];
  // Side by side: none of them changes what another one shows.
  await Promise.all(
    (await readRunbook(RUNBOOK)).map(async (block) => {
      const ran = await runBlock(block, root, env);
      if (ran.code !== 0) failed.push(`${block.section}: ${block.script}\n${ran.output}`);
    }),
  );
  return failed;
}
