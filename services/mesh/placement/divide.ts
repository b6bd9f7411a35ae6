// Whose users go where, once it is decided what lies where: a linear programme over the shares of groups, which divides them as finely
// as it takes to keep the devices of every centre just as busy as they may be. x: share of a group in a centre; u: share of a group
// that leaves a region; v: devices of a centre that are too busy.
import type { Shares } from './allocation.js';
import { type Choice, choiceOf } from './choice.js';
import { LpWriter, type Programme, type Sum } from './lp-writer.js';
import { MOVE_PRICE, rateCostOf } from './objective.js';
import { BUSY_SHARE, type EndpointSetting, type Option, type Setting } from './setting.js';
import type { SolverThread } from './solver.js';

export interface Divided {
  /** By the endpoint's index. */
  readonly chosen: readonly Choice[];
  /** Centres whose devices are still asked for more time than they have. */
  readonly overfull: readonly number[];
}

// What the solver takes for equal must not be more than there is.
const LESS = 1 - 1e-6;
const EPSILON = 1e-6;
const LIMITS = { seconds: 1, gap: 1e-6 };

const x = ({ index }: EndpointSetting, g: number, centre: number): string => `x${index}_${g}_${centre}`;
const u = ({ index }: EndpointSetting, g: number, region: number): string => `u${index}_${g}_${region}`;
const v = (centre: number): string => `v${centre}`;

/** Undefined when more moves than may, however they are divided. `overPrice`: of a device's time that there is not. */
export async function dividing(
  setting: Setting,
  chosen: readonly Choice[],
  { movableRate, overPrice }: { readonly movableRate: number; readonly overPrice: number },
  thread: SolverThread,
  signal?: AbortSignal,
): Promise<Divided | undefined> {
  const programme = programmeFor(setting, chosen, movableRate, overPrice);
  const solved = await thread.solve(programme, LIMITS, undefined, signal);
  if (!solved) return undefined;
  const { value } = solved;
  return {
    chosen: setting.endpoints.map((one, e) => read(one, chosen[e] as Choice, value)),
    overfull: setting.centres.map(({ index }) => index).filter((index) => value(v(index)) > EPSILON),
  };
}

function programmeFor(
  { centres, endpoints }: Setting,
  chosen: readonly Choice[],
  movableRate: number,
  overPrice: number,
): Programme {
  const writer = new LpWriter();
  const busy = centres.map((): Sum => []);
  const moved: Sum = [];
  for (const one of endpoints) writeShares(one, chosen[one.index] as Choice, writer, busy, moved);
  for (const { index, shards } of centres) {
    writer.amount(v(index), overPrice);
    const sum = busy[index] as Sum;
    if (sum.length > 0) writer.row([...sum, [-1, v(index)]], '<=', shards.length * BUSY_SHARE * LESS);
  }
  writer.row(moved, '<=', movableRate * LESS);
  return writer.programme();
}

function writeShares(
  setting: EndpointSetting,
  { replicas }: Choice,
  writer: LpWriter,
  busy: readonly Sum[],
  moved: Sum,
): void {
  if (replicas.size === 0) return;
  const loads = new Map([...replicas.keys()].map((centre): [number, Sum] => [centre, []]));
  setting.groups.forEach((group, g) => {
    const { ratePerS } = group.group;
    const there = [...replicas.keys()].filter((centre) => group.options.has(centre));
    for (const centre of there) {
      const option = setting.options.get(centre) as Option;
      const variable = x(setting, g, centre);
      writer.share(variable, ratePerS * rateCostOf(option, group));
      loads.get(centre)?.push([ratePerS, variable]);
      busy[centre]?.push([ratePerS / option.rateAlonePerS, variable]);
    }
    writer.row(
      there.map((centre) => [1, x(setting, g, centre)] as const),
      '=',
      1,
    );
    [...group.now].forEach(([region, was], i) => {
      const stays = there.filter((centre) => setting.options.get(centre)?.centre.region === region);
      const variable = u(setting, g, i);
      writer.share(variable, ratePerS * MOVE_PRICE);
      writer.row([[1, variable], ...stays.map((centre) => [1, x(setting, g, centre)] as const)], '>=', was);
      moved.push([ratePerS, variable]);
    });
  });
  for (const [centre, count] of replicas)
    writer.row(
      loads.get(centre) as Sum,
      '<=',
      (setting.options.get(centre) as Option).ratePerS * count * LESS,
    );
}

function read(setting: EndpointSetting, before: Choice, value: (variable: string) => number): Choice {
  const { replicas } = before;
  if (replicas.size < 2) return before;
  const shares = setting.groups.map((group, g): Shares => {
    const found = [...replicas.keys()]
      .filter((centre) => group.options.has(centre))
      .map((centre) => [centre, value(x(setting, g, centre))] as const)
      .filter(([, share]) => share > EPSILON);
    const total = found.reduce((sum, [, share]) => sum + share, 0);
    return new Map(found.map(([centre, share]) => [centre, share / total]));
  });
  const isSame = shares.every((its, g) =>
    [...its].every(([centre, share]) => Math.abs((before.shares[g]?.get(centre) ?? 0) - share) < EPSILON),
  );
  return isSame ? before : choiceOf(setting, { replicas, shares });
}
