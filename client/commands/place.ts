// `massif place --dry-run`: what each of the four placement policies would do with the running mesh, or with an inventory from a file.
import { readFile } from 'node:fs/promises';
import { failure } from '../../contracts/errors.js';
import { HEARTBEAT_MS } from '../../contracts/heartbeat.js';
import { linksOf } from '../../contracts/links.js';
import { type PlacementPlan, PlacementPolicy, PlacementProblem } from '../../contracts/placement.js';
import { wildcards } from '../../contracts/subjects.js';
import { Demand, readCalls } from '../../services/mesh/placement/demand.js';
import { comparePlans } from '../../services/mesh/placement/plan.js';
import { isWorth, WORTH } from '../../services/mesh/placement/staying.js';
import { type Command, type Invocation, text, UsageError } from '../cli/command.js';
import { table } from '../cli/table.js';
import { askLinks } from './links.js';
import { runningProblem } from '../running-problem.js';
import { ShardBeats } from '../shard-beats.js';

/** Each shard at least twice, and of every caller several reports: a rate is the difference of two. */
const LISTEN_MS = 4 * HEARTBEAT_MS + 200;

export const place: Command = {
  name: 'place',
  usage: 'place --dry-run [--inventory FILE] [--policy NAME]',
  argumentsMax: 0,
  summary: 'where each placement policy would put what is served, what it costs and why',
  help: `  --inventory FILE   devices, links and endpoints as JSON (docs/placement.md), without a mesh; else what runs now
  --policy NAME      proportional, traffic, user or intelligent: that plan endpoint by endpoint; intelligent when not given`,
  options: { 'dry-run': { type: 'boolean' }, inventory: { type: 'string' }, policy: { type: 'string' } },
  async run(invocation: Invocation) {
    const { values, out, signal } = invocation;
    if (values['dry-run'] !== true)
      throw new UsageError('place shows plans and changes nothing: say place --dry-run');
    const policy = PlacementPolicy.safeParse(text(values, 'policy') ?? 'intelligent');
    if (!policy.success) throw new UsageError(`--policy is one of ${PlacementPolicy.options.join(', ')}`);
    const file = text(values, 'inventory');
    const problem = file === undefined ? await running(invocation) : await readInventory(file);
    const plans = await comparePlans(problem, undefined, signal);
    out.show({ plans }, () => plansText(problem, plans, policy.data));
  },
};

async function running(invocation: Invocation): Promise<PlacementProblem> {
  const { client, connections, clock, signal } = invocation;
  const massif = await client('routed');
  const beats = new ShardBeats(clock);
  const demand = new Demand();
  (await connections()).onJoin((bus) => {
    beats.listen(bus);
    bus.nc.subscribe(wildcards.evidence(), {
      callback: (error, message) => {
        const calls = error ? undefined : readCalls(message.string());
        if (calls) demand.heard(calls, clock.monotonicMs());
      },
    });
  });
  await clock.sleep(LISTEN_MS, signal);
  const nowMs = clock.monotonicMs();
  const problem = runningProblem({
    beats: beats.all(),
    endpoints: await massif.endpoints(),
    models: await massif.registry.models(),
    links: linksOf((await askLinks(invocation)).flatMap(({ reply }) => reply ?? [])),
    ratePerS: (endpoint, region) => demand.ratePerS(endpoint, region, nowMs),
  });
  if (!problem) throw failure('UNAVAILABLE', 'No open shard was heard, or nothing is deployed.');
  return problem;
}

async function readInventory(path: string): Promise<PlacementProblem> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw failure('BAD_REQUEST', `${path} is no inventory: ${why}.`, {}, error);
  }
  const parsed = PlacementProblem.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue?.path.map(String).join('.') ?? '';
  throw failure('PLACEMENT_REFUSED', `${path}: ${at}: ${issue?.message ?? 'not an inventory'}.`);
}

const SHOWN = 4;

const few = (shards: readonly string[]): string =>
  shards.length <= SHOWN
    ? shards.join(' ')
    : `${shards.slice(0, SHOWN - 1).join(' ')} and ${shards.length - SHOWN + 1} more`;

/** Shards by endpoint, as they hold replicas now. */
function holdersIn({ shards }: PlacementProblem): Map<string, string[]> {
  const holders = new Map<string, string[]>();
  for (const { id, holds } of shards)
    for (const name of holds) {
      const known = holders.get(name);
      if (known) known.push(id);
      else holders.set(name, [id]);
    }
  return holders;
}

/** Those that change first: `+` gets a replica, `-` gives one up. */
function changed(now: readonly string[], then: readonly string[]): string[] {
  if (now.length === 0) return [...then];
  const come = then.filter((id) => !now.includes(id));
  const go = now.filter((id) => !then.includes(id));
  return [
    ...come.map((id) => `+${id}`),
    ...go.map((id) => `-${id}`),
    ...then.filter((id) => now.includes(id)),
  ];
}

function movesOf(plan: PlacementPlan, holders: ReadonlyMap<string, readonly string[]>): [number, number] {
  const then = new Map(plan.endpoints.map(({ name, shards }) => [name, new Set(shards)]));
  let stay = 0;
  let held = 0;
  for (const [name, shards] of holders) {
    held += shards.length;
    stay += shards.filter((id) => then.get(name)?.has(id)).length;
  }
  return [plan.replicas - stay, held - stay];
}

/** Whether the registry would follow it in the place of what is there. */
function worthText(plan: PlacementPlan): string {
  const { asIs, objective } = plan;
  const figure = (cost: number): string => String(Number(cost.toPrecision(4)));
  const costs = `With travel and moves it costs ${figure(objective)} an hour`;
  if (asIs === undefined) return `${costs}; as it is, devices are too busy or too full.`;
  const then = isWorth(plan, asIs) ? 'what is there would change' : 'what is there would stay';
  return `${costs}, and ${figure(asIs)} as it is: ${then} (for ${100 * WORTH} % less it changes).`;
}

export function plansText(
  problem: PlacementProblem,
  plans: readonly PlacementPlan[],
  shown: PlacementPolicy,
): string {
  const holders = holdersIn(problem);
  const figures = table(
    ['policy', 'plan', 'replicas', 'come', 'go', 'cost/h', 'p99 ms', 'moved %', 'left out', 'ms'],
    plans.map((plan) => [
      plan.policy,
      plan.quality,
      plan.replicas,
      ...movesOf(plan, holders),
      Number(plan.costPerHour.toFixed(3)),
      Number(plan.p99Ms.toFixed(1)),
      Number((100 * plan.movedShare).toFixed(1)),
      plan.unplaced.length,
      Math.round(plan.tookMs),
    ]),
  );
  const plan = plans.find(({ policy }) => policy === shown);
  if (!plan) return figures;
  const placed = table(
    ['endpoint', 'replicas', 'cost/h', 'p99 ms', 'shards', 'why'],
    plan.endpoints.map((one) => [
      one.name,
      one.shards.length,
      Number(one.costPerHour.toFixed(3)),
      Number(one.p99Ms.toFixed(1)),
      few(changed(holders.get(one.name) ?? [], one.shards)),
      one.why,
    ]),
  );
  const worth = shown === 'intelligent' && holders.size > 0 ? ['', worthText(plan)] : [];
  const left = plan.unplaced.map(({ name, constraint, reason }) => `${name}: ${constraint}: ${reason}`);
  return [
    figures,
    '',
    `${shown}:`,
    placed,
    ...worth,
    ...(left.length > 0 ? ['', 'Left out:', ...left] : []),
  ].join('\n');
}
