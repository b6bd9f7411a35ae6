// The placement problem as a mixed-integer programme over shares and replicas, without packing: another form than the planner's own,
// which knows choices only, and a larger space. What a long solve proves of it no plan can beat. x: share of a group in a centre; y:
// replicas; b: an endpoint lies in a domain; u: share of a group that leaves a region; o: an endpoint is left out.
import type { PlacementPlan } from '../../contracts/placement.js';
import type { Choice } from './placement-choices.js';
import { LpWriter, type Programme, type Sum } from '../../services/mesh/placement/lp-writer.js';
import {
  leftOutCost,
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

/** `choices`, by the endpoint's index: nothing else is of interest any more. */
export function boundProgramme(setting: Setting, choices?: readonly (readonly Choice[])[]): Programme {
  const writer = new LpWriter();
  const memory = new Map<number, Sum>();
  const busy = new Map<number, Sum>();
  const moved: Sum = [];
  for (const endpoint of setting.endpoints)
    writeEndpoint(endpoint, choices?.[endpoint.index], writer, { memory, busy, moved });
  // What stays free is a variable: in the relaxation its reduced cost is what the resource is worth.
  const atMost = (sum: Sum, free: string, most: number): void => {
    writer.amount(free, 0);
    writer.row([...sum, [1, free]], '=', most);
  };
  for (const { index, memoryBytes, shards } of setting.centres) {
    atMost(memory.get(index) ?? [], freeMemory(index), memoryBytes / MIB);
    atMost(busy.get(index) ?? [], freeBusy(index), shards.length * BUSY_SHARE);
  }
  atMost(moved, FREE_MOVED, movedRateMax(setting));
  return writer.programme();
}

export const movedRateMax = ({ endpoints }: Setting): number =>
  MOVED_SHARE_MAX * endpoints.reduce((sum, endpoint) => sum + placedRate(endpoint), 0);

export const MIB = 2 ** 20;
export const freeMemory = (centre: number): string => `m${centre}`;
export const freeBusy = (centre: number): string => `t${centre}`;
export const FREE_MOVED = 'f';

interface Shared {
  readonly memory: Map<number, Sum>;
  readonly busy: Map<number, Sum>;
  readonly moved: Sum;
}

const o = (e: number): string => `o${e}`;
const x = (e: number, g: number, c: number): string => `x${e}_${g}_${c}`;
const y = (e: number, c: number): string => `y${e}_${c}`;

function writeEndpoint(
  setting: EndpointSetting,
  choices: readonly Choice[] | undefined,
  writer: LpWriter,
  shared: Shared,
): void {
  const { index: e, endpoint, options } = setting;
  writer.binary(o(e), leftOutCost(setting));
  for (const [c, option] of options) {
    writer.integer(y(e, c), option.replicaCost, option.shards);
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
  if (choices) writeChoices(setting, choices, writer);
  else writeSpread(setting, writer);
}

/** Replicas are a mixture of choices, and whole: so one choice, of which spreads need not be said any more. l: a choice. */
function writeChoices(
  { index: e, options }: EndpointSetting,
  choices: readonly Choice[],
  writer: LpWriter,
): void {
  const l = (i: number): string => `l${e}_${i}`;
  choices.forEach((_, i) => writer.share(l(i), 0));
  writer.row(
    choices.map((_, i) => [1, l(i)]),
    '=',
    1,
  );
  const out = choices.flatMap(({ at }, i) => (at.length === 0 ? [[-1, l(i)] as const] : []));
  writer.row([[1, o(e)], ...out], '=', 0);
  [...options.keys()].forEach((c, k) => {
    const replicas = choices.flatMap(({ counts }, i) => (counts[k] ? [[-counts[k], l(i)] as const] : []));
    writer.row([[1, y(e, c)], ...replicas], '=', 0);
  });
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
