// The placement problem as a mixed-integer programme over shares and replicas, without packing: another form than the planner's own,
// which knows choices only, and a larger space. What a long solve proves of it no plan can beat. x: share of a group in a centre; y:
// replicas; n: replicas that come; b: an endpoint lies in a domain; u: share of a group that leaves a region; o: an endpoint is left out.
import type { PlacementPlan } from '../../contracts/placement.js';
import { LpWriter, type Programme, type Sum } from '../../services/mesh/placement/lp-writer.js';
import {
  leftOutCost,
  LOADING_HOURS,
  MOVE_PRICE,
  MOVED_SHARE_MAX,
  placedRate,
  rateCostOf,
} from '../../services/mesh/placement/objective.js';
import {
  BUSY_SHARE,
  domainOf,
  type EndpointSetting,
  type Option,
  type Setting,
} from '../../services/mesh/placement/setting.js';

export function boundProgramme(setting: Setting): Programme {
  const writer = new LpWriter();
  const memory = new Map<number, Sum>();
  const busy = new Map<number, Sum>();
  const moved: Sum = [];
  for (const endpoint of setting.endpoints) writeEndpoint(endpoint, writer, { memory, busy, moved });
  for (const { index, memoryBytes, shards } of setting.centres) {
    writer.row(memory.get(index) ?? [], '<=', memoryBytes / MIB);
    writer.row(busy.get(index) ?? [], '<=', shards.length * BUSY_SHARE);
  }
  const movable = setting.endpoints.reduce((sum, endpoint) => sum + placedRate(endpoint), 0);
  writer.row(moved, '<=', movable * MOVED_SHARE_MAX);
  return writer.programme();
}

const MIB = 2 ** 20;

interface Shared {
  readonly memory: Map<number, Sum>;
  readonly busy: Map<number, Sum>;
  readonly moved: Sum;
}

const o = (e: number): string => `o${e}`;
const x = (e: number, g: number, c: number): string => `x${e}_${g}_${c}`;
const y = (e: number, c: number): string => `y${e}_${c}`;
const n = (e: number, c: number): string => `n${e}_${c}`;

function writeEndpoint(setting: EndpointSetting, writer: LpWriter, shared: Shared): void {
  const { index: e, endpoint, options } = setting;
  writer.binary(o(e), leftOutCost(setting));
  for (const [c, option] of options) {
    const held = setting.held.get(c) ?? 0;
    const loading = setting.held.size > 0 ? option.replicaCost * LOADING_HOURS : 0;
    writer.integer(y(e, c), option.replicaCost + (held === 0 ? loading : 0), option.shards);
    if (held > 0) {
      writer.amount(n(e, c), loading);
      writer.row([[1, n(e, c)], [-1, y(e, c)]], '>=', -held); // prettier-ignore
    }
    addTo(shared.memory, c, [endpoint.memoryBytes / MIB, y(e, c)]);
    const load: Sum = [];
    setting.groups.forEach((group, g) => {
      if (!group.options.has(c)) return;
      const { ratePerS } = group.group;
      const variable = x(e, g, c);
      writer.share(variable, ratePerS * rateCostOf(option, group));
      load.push([ratePerS, variable]);
      addTo(shared.busy, c, [(ratePerS * BUSY_SHARE) / option.ratePerS, variable]);
      // Without it a tenth of a replica would be enough for a tenth of the users.
      writer.row(
        [
          [1, variable],
          [-1, y(e, c)],
        ],
        '<=',
        0,
      );
    });
    writer.row([...load, [-option.ratePerS, y(e, c)]], '<=', 0);
  }
  setting.groups.forEach((group, g) => {
    const centres = [...group.options.keys()];
    writer.row([[1, o(e)], ...centres.map((c) => [1, x(e, g, c)] as const)], '=', 1);
    [...group.now].forEach(([region, was], i) => {
      const u = `u${e}_${g}_${i}`;
      const there = centres.filter((c) => options.get(c)?.centre.region === region);
      writer.share(u, group.group.ratePerS * MOVE_PRICE);
      writer.row([[1, u], [was, o(e)], ...there.map((c) => [1, x(e, g, c)] as const)], '>=', was);
      shared.moved.push([group.group.ratePerS, u]);
    });
  });
  writeSpread(setting, writer);
}

function writeSpread(setting: EndpointSetting, writer: LpWriter): void {
  const { index: e, endpoint, options, ratePerS } = setting;
  const { spread } = endpoint;
  const domains = new Map<string, Option[]>();
  for (const option of options.values()) {
    const domain = domainOf(endpoint, option.centre);
    domains.set(domain, [...(domains.get(domain) ?? []), option]);
  }
  if (spread.domains > 1) {
    const presences: Sum = [];
    [...domains.values()].forEach((members, d) => {
      const b = `b${e}_${d}`;
      writer.binary(b, 0);
      writer.row([[1, b], ...members.map(({ centre }) => [-1, y(e, centre.index)] as const)], '<=', 0);
      presences.push([1, b]);
    });
    writer.row([[spread.domains, o(e)], ...presences], '>=', spread.domains);
  }
  if (spread.survives * ratePerS <= 0) return;
  for (const lost of domains.keys()) {
    const others: Option[] = [...domains].flatMap(([domain, members]) => (domain === lost ? [] : members));
    writer.row(
      [
        [spread.survives * ratePerS, o(e)],
        ...others.map(({ centre, rateMaxPerS }) => [rateMaxPerS, y(e, centre.index)] as const),
      ],
      '>=',
      spread.survives * ratePerS,
    );
  }
}

function addTo(sums: Map<number, Sum>, centre: number, term: Sum[number]): void {
  const known = sums.get(centre);
  if (known) known.push(term);
  else sums.set(centre, [term]);
}

/** A plan's whole numbers: where the solve starts, which finds the shares to them. It ends sooner so, and proves no less. */
export function startFrom(setting: Setting, plan: PlacementPlan): Map<string, number> {
  const planned = new Map(plan.endpoints.map((one) => [one.name, one.shards]));
  const centreOf = new Map(setting.centres.flatMap((one) => one.shards.map(({ id }) => [id, one] as const)));
  const values = new Map<string, number>();
  for (const { index: e, endpoint, options } of setting.endpoints) {
    const centres = (planned.get(endpoint.name) ?? []).flatMap((id) => centreOf.get(id) ?? []);
    if (centres.length === 0) values.set(o(e), 1);
    for (const { index } of centres) values.set(y(e, index), (values.get(y(e, index)) ?? 0) + 1);
    const lies = new Set(centres.map((centre) => domainOf(endpoint, centre)));
    const domains = new Set([...options.values()].map(({ centre }) => domainOf(endpoint, centre)));
    [...domains].forEach((domain, d) => values.set(`b${e}_${d}`, lies.has(domain) ? 1 : 0));
  }
  return values;
}
