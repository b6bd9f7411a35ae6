// `massif scale explain|set|pin|off`: how many replicas an endpoint gets, why, and how to change that.
import { readFile } from 'node:fs/promises';
import type { EndpointScaling, RegionScaling, ScalingPolicy, ScalingReply } from '../../contracts/scaling.js';
import { argument, type Command, type Invocation, text, UsageError } from '../cli/command.js';
import { table } from '../cli/table.js';
import { poolsTable, scalingState, shortageLines } from './scaling-view.js';
import { checkScaling, readScaling } from './scaling-words.js';

export const scale: Command = {
  name: 'scale',
  usage:
    'scale explain [ENDPOINT]  |  scale set ENDPOINT min=N,max=N,... | --spec FILE  |  scale pin ENDPOINT N|none  |  scale off ENDPOINT',
  argumentsMax: 3,
  summary: 'how many replicas an endpoint gets, and why',
  help: `  explain [ENDPOINT]         what was seen, what was decided, and why
  set ENDPOINT WORDS         min=0 lets it sleep, max=4, idle=30s, slowdown=5, violations=0.01, budget=2.5 (an hour, for nodes of
                             pools), start=60s (a pool that takes longer is no help), priority=0..9, tenant=NAME, dry-run=yes
  set ENDPOINT --spec FILE   the whole policy as JSON, with schedules and a metric (docs/autoscaling.md)
  pin ENDPOINT N             so many in each region, whatever comes; none lets the policy decide again
  off ENDPOINT               a fixed number again`,
  options: { spec: { type: 'string' } },
  async run(invocation: Invocation) {
    const verb = argument(invocation.args, 0, 'explain, set, pin or off');
    if (verb === 'explain') return explain(invocation);
    if (verb === 'set') return change(invocation, await policyGiven(invocation));
    if (verb === 'pin') return change(invocation, pinGiven(invocation));
    if (verb === 'off') return change(invocation, () => null);
    throw new UsageError(`scale knows explain, set, pin and off, got "${verb}"`);
  },
};

type Change = (before: ScalingPolicy | undefined) => ScalingPolicy | null;

async function explain({ args, client, clock, out }: Invocation): Promise<number> {
  const endpoint = args[1];
  const reply = await (await client('routed')).scaling(endpoint);
  out.show(reply, () => describe(reply, endpoint, clock.now()));
  return endpoint !== undefined && reply.endpoints.length === 0 ? 1 : 0;
}

async function policyGiven({ args, values }: Invocation): Promise<Change> {
  const file = text(values, 'spec');
  if (file === undefined) {
    const words = argument(args, 2, 'min=N,max=N,...');
    return (before) => readScaling(words, before);
  }
  let spec: unknown;
  try {
    spec = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} cannot be read as JSON: ${error instanceof Error ? error.message : ''}`);
  }
  const policy = checkScaling(spec);
  return () => policy;
}

function pinGiven({ args }: Invocation): Change {
  const given = argument(args, 2, 'N or none');
  if (given !== 'none' && !/^\d{1,4}$/.test(given))
    throw new UsageError(`pin takes a number of replicas or none, got "${given}"`);
  return (before) => {
    const { pin: _before, ...policy } = before ?? checkScaling({});
    return given === 'none' ? policy : { ...policy, pin: Number(given) };
  };
}

async function change({ args, client, out }: Invocation, next: Change): Promise<void> {
  const endpoint = argument(args, 1, 'ENDPOINT');
  const massif = await client('routed');
  const before = (await massif.registry.endpoints()).find(({ name }) => name === endpoint)?.scaling;
  const { endpoint: record } = await massif.registry.scale({ endpoint, scaling: next(before) });
  out.show(record.scaling ?? null, () =>
    record.scaling ? `${endpoint}: ${policyText(record.scaling)}` : `${endpoint}: a fixed number of replicas`,
  );
}

export function policyText(policy: ScalingPolicy): string {
  const { minReplicas, maxReplicas, idleMs, pin, dryRun, budgetPerHour, startMsMax, priority, tenant } =
    policy;
  const words = [`${minReplicas} to ${maxReplicas} replicas`];
  if (minReplicas === 0) words.push(`asleep after ${idleMs / 1_000} s`);
  if (pin !== undefined) words.push(`pinned to ${pin}`);
  if (budgetPerHour !== undefined) words.push(`at most ${budgetPerHour} an hour for nodes of pools`);
  if (startMsMax !== undefined) words.push(`from pools that start within ${startMsMax / 1_000} s`);
  if (priority !== undefined) words.push(`priority ${priority}`);
  if (tenant !== undefined) words.push(`for ${tenant}`);
  if (dryRun) words.push('dry run');
  return words.join(', ');
}

function describe(reply: ScalingReply, asked: string | undefined, nowMs: number): string {
  const { instance, leading, endpoints, schedule } = reply;
  if (endpoints.length === 0)
    return asked === undefined
      ? 'no endpoint is scaled: massif scale set ENDPOINT min=0,max=4'
      : `${asked} is not scaled: massif scale set ${asked} min=0,max=4`;
  const by = `decided by ${instance}${leading ? ', which leads' : ', which does not lead and only looks'}`;
  const pools = schedule && schedule.pools.length > 0 ? [poolsTable(schedule)] : [];
  return [...endpoints.map((one) => describeOne(one, schedule, nowMs)), ...pools, by].join('\n\n');
}

function describeOne(
  { endpoint, policy, regions }: EndpointScaling,
  schedule: ScalingReply['schedule'],
  nowMs: number,
): string {
  const head = [
    'region',
    'state',
    'wanted',
    'ready',
    'loading',
    'waiting',
    'in flight',
    '/s',
    'alone',
    'slots',
    'start',
  ];
  const rows = regions.map((one) => [
    one.region,
    scalingState(one, nowMs),
    one.wanted ?? '-',
    one.ready,
    one.loading,
    one.waiting,
    one.inFlight,
    Number(one.perSecond.toFixed(1)),
    `${one.serviceMs.toFixed(1)} ms`,
    Number(one.slots.toFixed(1)),
    `${Math.round(one.startMs)} ms`,
  ]);
  return [
    `${endpoint}: ${policyText(policy)}`,
    table(head, rows),
    ...regions.flatMap((one) => reasons(one, endpoint, schedule)),
  ].join('\n');
}

function reasons(one: RegionScaling, endpoint: string, schedule: ScalingReply['schedule']): string[] {
  const { region, mode, decided, why, bounds, parts, changes } = one;
  const asked = Object.entries(parts).map(([part, number]) => `${part} ${number}`);
  return [
    `${region}: ${decided}, ${mode}: ${why}${asked.length > 0 ? ` (${asked.join(', ')})` : ''}`,
    ...bounds.map((each) => `  ${each}`),
    ...(schedule ? shortageLines(schedule, endpoint, region).map((each) => `  ${each}`) : []),
    ...changes.slice(-5).map(({ at, from, to, why: then }) => `  ${at} ${from} -> ${to}: ${then}`),
  ];
}
