// The intelligent policy's answer at once: prices of what is scarce, the choices that are cheapest with those, balanced by sums, exchanged
// for a while and packed shard by shard. What the solver starts from, too.
import { type LaidDown, layDown } from './lay-down.js';
import { effortFor, marketOf } from './market.js';
import { settle } from './settle.js';
import type { Setting } from './setting.js';

/** Centres of several shards are not filled quite: there is no time for packing them perfectly. */
const SPARE = 0.001;
// There is no time to find back from what is worse.
const WARMTH = 0.005;

export function placeGreedily(setting: Setting, effort = effortFor(setting)): LaidDown {
  const market = marketOf(setting, effort);
  if (effort.looks.length === 0) return layDown(setting, market, 'once');
  const [bySums, onShards] = effort.looks;
  return settle(setting, market, {
    care: 'quickly',
    spare: SPARE,
    bySums: () => ({ looks: bySums, warmth: WARMTH }),
    onShards: () => ({ looks: onShards, warmth: WARMTH }),
  });
}
