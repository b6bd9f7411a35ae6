// Some endpoints of a plan taken up and laid down again at the least cost while all others stay where they are: an integer programme over
// centres, exact but for the question which shard holds what. y: replicas in a centre; x: share of a group in a centre; b: a domain is
// used; u: share of a group that leaves a region; n: replicas that come; o: left out.
import { type Choice, choiceOf, leftOut } from './choice.js';
import { LpWriter, type Programme, type Sum } from './lp-writer.js';
import { leftOutCost, loadingCostOf, MOVE_PRICE, rateCostOf } from './objective.js';
import type { Remaining } from './remaining.js';
import { domainOf, type EndpointSetting, type GroupSetting, type Option } from './setting.js';

/** An endpoint, and the centres that it is to be laid into. */
export interface Free {
  readonly setting: EndpointSetting;
  readonly centres: ReadonlySet<number>;
}

const MIB = 2 ** 20;
// What the solver takes for equal must not be more than there is.
const LESS = 1 - 1e-6;

const o = ({ index }: EndpointSetting): string => `o${index}`;
const y = ({ index }: EndpointSetting, centre: number): string => `y${index}_${centre}`;
const x = ({ index }: EndpointSetting, g: number, centre: number): string => `x${index}_${g}_${centre}`;
const n = ({ index }: EndpointSetting, centre: number): string => `n${index}_${centre}`;
const b = ({ index }: EndpointSetting, domain: number): string => `b${index}_${domain}`;
const u = ({ index }: EndpointSetting, g: number, i: number): string => `u${index}_${g}_${i}`;

export function neighbourhoodProgramme(free: readonly Free[], remaining: Remaining): Programme {
  const writer = new LpWriter();
  const memory = new Map<number, Sum>();
  const busy = new Map<number, Sum>();
  const moved: Sum = [];
  for (const one of free) {
    writer.binary(o(one.setting), leftOutCost(one.setting));
    writeReplicas(one, writer, memory);
    writeShares(one, writer, busy);
    writeMoves(one, writer, moved);
    writeSpread(one, writer);
  }
  for (const [centre, sum] of memory)
    writer.row(sum, '<=', Math.max(0, (remaining.memoryOf(centre) * LESS) / MIB));
  for (const [centre, sum] of busy) writer.row(sum, '<=', Math.max(0, remaining.busyOf(centre) * LESS));
  writer.row(moved, '<=', Math.max(0, remaining.movable * LESS));
  return writer.programme();
}

const optionsOf = ({ setting, centres }: Free): Option[] =>
  [...setting.options.values()].filter(({ centre }) => centres.has(centre.index));

const centresOf = ({ options }: GroupSetting, { centres }: Free): number[] =>
  [...options.keys()].filter((centre) => centres.has(centre));

function writeReplicas(free: Free, writer: LpWriter, memory: Map<number, Sum>): void {
  const { setting } = free;
  for (const option of optionsOf(free)) {
    const { centre, replicaCost, shards, pinned } = option;
    const variable = y(setting, centre.index);
    const held = setting.held.get(centre.index) ?? 0;
    const loading = loadingCostOf(setting, option);
    writer.integer(variable, replicaCost + (held === 0 ? loading : 0), shards);
    if (held > 0 && held < shards) {
      writer.amount(n(setting, centre.index), loading);
      writer.row([[1, n(setting, centre.index)], [-1, variable]], '>=', -held); // prettier-ignore
    }
    addTo(memory, centre.index, [setting.endpoint.memoryBytes / MIB, variable]);
    if (pinned.size > 0) writer.row([[pinned.size, o(setting)], [1, variable]], '>=', pinned.size); // prettier-ignore
  }
}

function writeShares(free: Free, writer: LpWriter, busy: Map<number, Sum>): void {
  const { setting } = free;
  for (const option of optionsOf(free)) {
    const c = option.centre.index;
    const load: Sum = [];
    setting.groups.forEach((group, g) => {
      if (!group.options.has(c)) return;
      const { ratePerS } = group.group;
      const variable = x(setting, g, c);
      writer.share(variable, ratePerS * rateCostOf(option, group));
      load.push([ratePerS, variable]);
      addTo(busy, c, [ratePerS / option.rateAlonePerS, variable]);
      writer.row([[1, variable], [-1, y(setting, c)]], '<=', 0); // prettier-ignore
    });
    writer.row([...load, [-option.ratePerS * LESS, y(setting, c)]], '<=', 0);
  }
  setting.groups.forEach((group, g) => {
    const shares = centresOf(group, free).map((c) => [1, x(setting, g, c)] as const);
    writer.row([[1, o(setting)], ...shares], '=', 1);
  });
}

function writeMoves(free: Free, writer: LpWriter, moved: Sum): void {
  const { setting } = free;
  setting.groups.forEach((group, g) =>
    [...group.now].forEach(([region, was], i) => {
      const there = centresOf(group, free).filter((c) => setting.options.get(c)?.centre.region === region);
      const variable = u(setting, g, i);
      const { ratePerS } = group.group;
      writer.share(variable, ratePerS * MOVE_PRICE);
      const stays = there.map((c) => [1, x(setting, g, c)] as const);
      writer.row([[1, variable], [was, o(setting)], ...stays], '>=', was);
      moved.push([ratePerS, variable]);
    }),
  );
}

function writeSpread(free: Free, writer: LpWriter): void {
  const { setting } = free;
  const { spread } = setting.endpoint;
  const domains = domainsOf(free);
  if (spread.domains > 1) {
    domains.forEach((options, d) => {
      writer.binary(b(setting, d), 0);
      const replicas = options.map(({ centre }) => [-1, y(setting, centre.index)] as const);
      writer.row([[1, b(setting, d)], ...replicas], '<=', 0);
    });
    const used = domains.map((_, d) => [1, b(setting, d)] as const);
    writer.row([[spread.domains, o(setting)], ...used], '>=', spread.domains);
  }
  const needed = spread.survives * setting.ratePerS;
  if (needed <= 0) return;
  for (const lost of domains) {
    const others = domains.filter((one) => one !== lost).flat();
    const left = others.map(({ centre, rateMaxPerS }) => [rateMaxPerS, y(setting, centre.index)] as const);
    writer.row([[needed, o(setting)], ...left], '>=', needed);
  }
}

function domainsOf(free: Free): Option[][] {
  const domains = new Map<string, Option[]>();
  for (const option of optionsOf(free)) {
    const domain = domainOf(free.setting.endpoint, option.centre);
    const known = domains.get(domain);
    if (known) known.push(option);
    else domains.set(domain, [option]);
  }
  return [...domains.values()];
}

/** How an endpoint is placed, in the programme's variables: where a search starts. */
export function asVariables(free: Free, { replicas, shares }: Choice): [string, number][] {
  const { setting } = free;
  if (replicas.size === 0) return [[o(setting), 1]];
  const values = [...replicas].map(([centre, count]): [string, number] => [y(setting, centre), count]);
  for (const [centre, count] of replicas)
    values.push([n(setting, centre), Math.max(0, count - (setting.held.get(centre) ?? 0))]);
  shares.forEach((group, g) => {
    for (const [centre, share] of group) values.push([x(setting, g, centre), share]);
  });
  domainsOf(free).forEach((options, d) => {
    if (options.some(({ centre }) => replicas.has(centre.index))) values.push([b(setting, d), 1]);
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
export function readChoice(free: Free, value: (variable: string) => number): Choice {
  const { setting } = free;
  if (value(o(setting)) > 0.5) return leftOut(setting);
  const replicas = new Map<number, number>();
  for (const { centre } of optionsOf(free)) {
    const count = Math.round(value(y(setting, centre.index)));
    if (count > 0) replicas.set(centre.index, count);
  }
  const shares = setting.groups.map((group, g) => {
    const found = centresOf(group, free).map((c) => [c, value(x(setting, g, c))] as const);
    const kept = found.filter(([c, share]) => share > 1e-6 && replicas.has(c));
    const total = kept.reduce((sum, [, share]) => sum + share, 0);
    return new Map(kept.map(([c, share]) => [c, share / total]));
  });
  return choiceOf(setting, { replicas, shares });
}

function addTo(sums: Map<number, Sum>, key: number, term: Sum[number]): void {
  const known = sums.get(key);
  if (known) known.push(term);
  else sums.set(key, [term]);
}
