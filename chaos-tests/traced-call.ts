// A call through the client library that also tells which replica answered and when, and what a drill reads from that: whether callers
// who went back to a region stayed there.
import type { MassifClient } from '../client/mod.js';
import type { AskedTarget } from './callers.js';
import type { Caller } from './open-loop.js';

export interface Answered {
  readonly caller: string;
  readonly replica: string;
  readonly atMs: number;
}

export function tracedCall(
  client: MassifClient,
  { endpoint, timeoutMs, question }: AskedTarget,
  seen: (replica: string, atMs: number) => void,
): Caller['call'] {
  return async (id, n) => {
    const asked = question(n);
    const { outputs, attempts, modelVersion, replica } = await client.infer(
      endpoint,
      { x: { data: asked.input, shape: [1, asked.input.length] } },
      { requestId: id, timeoutMs },
    );
    asked.check(outputs['y']?.data, modelVersion);
    seen(replica, performance.now());
    return { attempts };
  };
}

/** Long enough for some tens of answers. */
const WINDOW_MS = 500;

export interface Returns {
  /** From its return to the first window in which the region answered most; Infinity when it did not. */
  readonly afterMs: number;
  /** Windows after that in which it answered less than half. */
  readonly left: number;
}

/** How callers came back to their region between `fromMs` and `toMs`. */
export function returnsOf(
  answered: readonly Answered[],
  caller: string,
  region: string,
  fromMs: number,
  toMs: number,
): Returns {
  const own = answered.filter((one) => one.caller === caller && one.atMs >= fromMs && one.atMs < toMs);
  const windows = new Map<number, { own: number; all: number }>();
  for (const { replica, atMs } of own) {
    const at = Math.floor((atMs - fromMs) / WINDOW_MS);
    const counted = windows.get(at) ?? { own: 0, all: 0 };
    windows.set(at, counted);
    counted.all++;
    if (replica.startsWith(`shard-${region}-`)) counted.own++;
  }
  let afterMs = Infinity;
  let left = 0;
  for (const [at, counted] of windows) {
    const most = counted.own * 2 >= counted.all;
    if (most && afterMs === Infinity) afterMs = at * WINDOW_MS;
    else if (!most && afterMs < Infinity) left++;
  }
  return { afterMs, left };
}
