// The intelligent policy's answer at once: prices of what is scarce, the choices that are cheapest with those, balanced by sums, exchanged
// for a while and packed shard by shard. What the solver starts from, too.
import { isLeftOut } from './choice.js';
import { type LaidDown, layDown } from './lay-down.js';
import { effortFor, marketOf } from './market.js';
import { settle } from './settle.js';
import type { Setting } from './setting.js';
import { type TimeShare, timeShareUntil } from './time-share.js';

/** Centres of several shards are not filled quite: there is no time for packing them perfectly. */
const SPARE = 0.001;
// There is no time to find back from what is worse.
const WARMTH = 0.005;

// What is left of the time is for whoever found no room on the shards.
const BY_SUMS = 0.85;

export function placeGreedily(setting: Setting, withinMs?: number): LaidDown {
  const beganMs = performance.now();
  const effort = effortFor(setting);
  const spanMs = withinMs ?? effort.withinMs;
  const until = (part: number): TimeShare => timeShareUntil(beganMs + part * spanMs);
  const market = marketOf(setting, effort, until(1));
  if (effort.looks.length === 0) return layDown(setting, market, 'once');
  const [bySums, onShards] = effort.looks;
  return settle(setting, market, {
    care: 'quickly',
    spare: SPARE,
    bySums: () => ({ looks: bySums, warmth: WARMTH, passed: until(BY_SUMS) }),
    // Time cuts short what would only be cheaper, not what may seat somebody.
    onShards: ({ chosen }) => ({
      looks: onShards,
      warmth: WARMTH,
      ...(!chosen.some(isLeftOut) && { passed: until(1) }),
    }),
  });
}
