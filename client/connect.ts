// How an application gets its client: `await connect({ nats: ['nats://east:4222', 'nats://west:4222'] })`.
import { failure } from '../contracts/errors.js';
import { BODY_BYTES_MAX } from '../contracts/large-body.js';
import { type Clock, systemClock } from '../services/mesh/clock.js';
import { type Random, systemRandom } from '../services/mesh/random.js';
import type { Caller } from './caller.js';
import { MassifClient } from './client.js';
import { keyFor } from './cli/find-mesh.js';
import { Connections } from './connections.js';
import { DirectCaller, type DirectOptions } from './direct-caller.js';
import { RoutedCaller } from './routed-caller.js';

export interface ConnectOptions {
  /** A NATS server of each region, nearest first. One region's going away is then not noticed. */
  readonly nats: string | readonly string[];
  /** The file of this application's key on the bus, `client.nk`. Not needed beside `npm start`, whose state file names it. */
  readonly key?: string | undefined;
  /** `direct` (when not given) asks engines without a router between; `routed` leaves the choice to routers. */
  readonly mode?: 'direct' | 'routed';
  /** How the servers' connection lists call this client. */
  readonly name?: string;
  /** How long connecting may take. */
  readonly timeoutMs?: number;
  /** False only in control runs, which show what retries are worth. */
  readonly retries?: boolean;
  /** The largest request and the largest answer of this client: 128 MiB when not given. The mesh has a limit of its own. */
  readonly bodyMaxBytes?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

const TIMEOUT_MS = 5_000;

/** Returns once a region answers and, in direct mode, its endpoints are known. */
export async function connect(options: ConnectOptions): Promise<MassifClient> {
  const { nats, mode = 'direct', name = 'massif-client', timeoutMs = TIMEOUT_MS, retries = true } = options;
  const { clock = systemClock, random = systemRandom, bodyMaxBytes = BODY_BYTES_MAX } = options;
  const urls = typeof nats === 'string' ? nats.split(',') : nats;
  if (urls.length === 0 || urls.some((url) => url.trim() === '')) {
    throw failure('BAD_REQUEST', 'The client needs the URL of a NATS server, better one of each region.');
  }
  const { key = keyInSight(urls) } = options;
  const connections = await Connections.open({ urls, name, key, timeoutMs, clock, random });
  try {
    return new MassifClient(
      connections,
      await callerFor(mode, connections, { clock, random, timeoutMs, retries, bodyMaxBytes }),
    );
  } catch (error) {
    await connections.close();
    throw error;
  }
}

/** MASSIF_NATS_KEY names it, else the mesh that `npm start` runs in this folder or above, when the addresses are its own. */
const keyInSight = (urls: readonly string[]): string | undefined =>
  // oxlint-disable-next-line node/no-process-env -- an application is no service: nothing else reads its configuration
  keyFor(urls, process.env, process.cwd(), 'client').key;

export async function callerFor(
  mode: 'direct' | 'routed',
  connections: Connections,
  options: DirectOptions,
): Promise<Caller> {
  if (mode === 'direct') return DirectCaller.open(connections, options);
  return new RoutedCaller(connections, options.clock, options.random, options.retries, options.bodyMaxBytes);
}
