// Some endpoints of a plan taken up and laid down again at the least cost, shard by shard, while all others stay where they are: an exact
// integer programme. p: a replica lies on a shard; x: share of a group in a centre; b: a domain is used; u: share of a group that leaves a
// region; o: left out. With all endpoints in it, it is the whole problem, packing included.
import { type Lying, lying } from './lying.js';
import { LpWriter, type Programme, type Sum } from './lp-writer.js';
import { leftOutCost, MOVE_PRICE, rateCostOf } from './objective.js';
import type { Remaining } from './remaining.js';
import { domainOf, type EndpointSetting, type Option } from './setting.js';

const MIB = 2 ** 20;
// What the solver takes for equal must not be more than there is.
const LESS_MIB = 0.001;
const LESS = 1 - 1e-6;

const o = ({ index }: EndpointSetting): string => `o${index}`;
const p = ({ index }: EndpointSetting, shard: number): string => `p${index}_${shard}`;
const x = ({ index }: EndpointSetting, g: number, centre: number): string => `x${index}_${g}_${centre}`;
const b = ({ index }: EndpointSetting, domain: number): string => `b${index}_${domain}`;
const u = ({ index }: EndpointSetting, g: number, i: number): string => `u${index}_${g}_${i}`;

export function neighbourhoodProgramme(free: readonly EndpointSetting[], remaining: Remaining): Programme {
  const writer = new LpWriter();
  const memory = new Map<number, Sum>();
  const busy = new Map<number, Sum>();
  const moved: Sum = [];
  for (const setting of free) {
    writer.binary(o(setting), leftOutCost(setting));
    writeReplicas(setting, writer, remaining, memory);
    writeShares(setting, writer, remaining, busy);
    writeMoves(setting, writer, moved);
    writeSpread(setting, writer, remaining);
  }
  for (const [shard, sum] of memory)
    writer.row(sum, '<=', Math.max(0, remaining.memoryOf(shard) / MIB - LESS_MIB));
  for (const [centre, sum] of busy) writer.row(sum, '<=', Math.max(0, remaining.busyOf(centre) * LESS));
  writer.row(moved, '<=', Math.max(0, remaining.movable * LESS));
  return writer.programme();
}

/** The replicas that could lie in a centre. */
const replicasIn = (setting: EndpointSetting, { centre }: Option, { shardsFor }: Remaining): Sum =>
  shardsFor(setting, centre).map((shard) => [1, p(setting, shard)] as const);

function writeReplicas(
  setting: EndpointSetting,
  writer: LpWriter,
  remaining: Remaining,
  memory: Map<number, Sum>,
): void {
  for (const option of setting.options.values())
    for (const shard of remaining.shardsFor(setting, option.centre)) {
      const variable = p(setting, shard);
      writer.binary(variable, option.replicaCost);
      addTo(memory, shard, [setting.endpoint.memoryBytes / MIB, variable]);
    }
  for (const { centre, pinned } of setting.options.values())
    for (const id of pinned) {
      const shard = remaining.numberOf(id);
      const here = remaining.shardsFor(setting, centre).includes(shard);
      writer.row([[1, o(setting)], ...(here ? [[1, p(setting, shard)] as const] : [])], '>=', 1);
    }
}

function writeShares(
  setting: EndpointSetting,
  writer: LpWriter,
  remaining: Remaining,
  busy: Map<number, Sum>,
): void {
  for (const [c, option] of setting.options) {
    const replicas = replicasIn(setting, option, remaining);
    const load: Sum = [];
    setting.groups.forEach((group, g) => {
      if (!group.options.has(c)) return;
      const { ratePerS } = group.group;
      const variable = x(setting, g, c);
      writer.share(variable, ratePerS * rateCostOf(option, group));
      load.push([ratePerS, variable]);
      addTo(busy, c, [ratePerS / option.rateAlonePerS, variable]);
      writer.row([[1, variable], ...times(-1, replicas)], '<=', 0);
    });
    writer.row([...load, ...times(-option.ratePerS * LESS, replicas)], '<=', 0);
  }
  setting.groups.forEach(({ options }, g) =>
    writer.row([[1, o(setting)], ...[...options.keys()].map((c) => [1, x(setting, g, c)] as const)], '=', 1),
  );
}

function writeMoves(setting: EndpointSetting, writer: LpWriter, moved: Sum): void {
  setting.groups.forEach(({ group, options, now }, g) =>
    [...now].forEach(([region, was], i) => {
      const there = [...options.keys()].filter((c) => setting.options.get(c)?.centre.region === region);
      const variable = u(setting, g, i);
      writer.share(variable, group.ratePerS * MOVE_PRICE);
      const stays = there.map((c) => [1, x(setting, g, c)] as const);
      writer.row([[1, variable], [was, o(setting)], ...stays], '>=', was);
      moved.push([group.ratePerS, variable]);
    }),
  );
}

function writeSpread(setting: EndpointSetting, writer: LpWriter, remaining: Remaining): void {
  const { spread } = setting.endpoint;
  const domains = domainsOf(setting);
  if (spread.domains > 1) {
    domains.forEach((options, d) => {
      writer.binary(b(setting, d), 0);
      const replicas = options.flatMap((option) => replicasIn(setting, option, remaining));
      writer.row([[1, b(setting, d)], ...times(-1, replicas)], '<=', 0);
    });
    const used = domains.map((_, d) => [1, b(setting, d)] as const);
    writer.row([[spread.domains, o(setting)], ...used], '>=', spread.domains);
  }
  const needed = spread.survives * setting.ratePerS;
  if (needed <= 0) return;
  for (const lost of domains) {
    const others = domains.filter((one) => one !== lost).flat();
    const left = others.flatMap((option) =>
      times(option.rateMaxPerS, replicasIn(setting, option, remaining)),
    );
    writer.row([[needed, o(setting)], ...left], '>=', needed);
  }
}

function domainsOf({ endpoint, options }: EndpointSetting): Option[][] {
  const domains = new Map<string, Option[]>();
  for (const option of options.values()) {
    const domain = domainOf(endpoint, option.centre);
    const known = domains.get(domain);
    if (known) known.push(option);
    else domains.set(domain, [option]);
  }
  return [...domains.values()];
}

/** What an endpoint lies as, in the programme's variables: where a search starts. */
export function asVariables({ setting, shares, shards }: Lying, remaining: Remaining): [string, number][] {
  if (shards.size === 0) return [[o(setting), 1]];
  const values: [string, number][] = [];
  for (const ids of shards.values())
    for (const id of ids) values.push([p(setting, remaining.numberOf(id)), 1]);
  shares.forEach((group, g) => {
    for (const [centre, share] of group) values.push([x(setting, g, centre), share]);
  });
  domainsOf(setting).forEach((options, d) => {
    if (options.some(({ centre }) => shards.has(centre.index))) values.push([b(setting, d), 1]);
  });
  setting.groups.forEach(({ now }, g) =>
    [...now].forEach(([region, was], i) => {
      let there = 0;
      for (const [centre, share] of shares[g] ?? [])
        if (setting.options.get(centre)?.centre.region === region) there += share;
      values.push([u(setting, g, i), Math.max(0, was - there)]);
    }),
  );
  return values;
}

/** How the solver laid an endpoint down. */
export function readLying(
  setting: EndpointSetting,
  remaining: Remaining,
  value: (variable: string) => number,
): Lying {
  const shards = new Map<number, string[]>();
  const shares = setting.groups.map(() => new Map<number, number>());
  if (value(o(setting)) > 0.5) return lying(setting, shares, shards);
  for (const [c, { centre }] of setting.options) {
    const here = remaining.shardsFor(setting, centre).filter((shard) => value(p(setting, shard)) > 0.5);
    if (here.length > 0)
      shards.set(
        c,
        here.map((shard) => remaining.idOf(shard)),
      );
  }
  setting.groups.forEach(({ options }, g) => {
    const found = [...options.keys()].map((c) => [c, value(x(setting, g, c))] as const);
    const kept = found.filter(([c, share]) => share > 1e-6 && shards.has(c));
    const total = kept.reduce((sum, [, share]) => sum + share, 0);
    for (const [c, share] of kept) shares[g]?.set(c, share / total);
  });
  return lying(setting, shares, shards);
}

const times = (factor: number, sum: Sum): Sum => sum.map(([one, name]) => [factor * one, name] as const);

function addTo(sums: Map<number, Sum>, key: number, term: Sum[number]): void {
  const known = sums.get(key);
  if (known) known.push(term);
  else sums.set(key, [term]);
}
