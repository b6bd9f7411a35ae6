// The engine process: a plain Node program that a shard's host forks, without Nest, so that many fit on a machine. It owns the
// data subjects of its replicas and nothing else: runs block its loop and cannot be stopped, so it may be killed at any moment,
// and it ends by itself when its host is gone.
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { toFailure } from '../../../contracts/errors.js';
import { connectAs } from '../../mesh/bus-key.js';
import { readQuickly } from '../../mesh/calls/quick-reader.js';
import { systemClock } from '../../mesh/clock.js';
import { giveBackWhenIdle } from '../../mesh/give-back.js';
import { systemRandom } from '../../mesh/random.js';
import type { CallDone, EngineMessage, HostCall, HostMessage, StartOrder } from '../engine-messages.js';
import { RunNote } from './run-note.js';
import { ServedReplicas } from './served-replicas.js';
import { warmLibrary } from './warm-library.js';

let serving: { readonly nc: NatsConnection; readonly replicas: ServedReplicas } | undefined;

process.on('disconnect', () => process.exit(0));
process.on('message', (message: HostMessage) => {
  if (message.kind === 'start') void start(message).catch(die);
  else if (message.kind === 'ping') pong();
  else void answer(message);
});
// The host decides when an engine ends, after it has drained; a Ctrl-C at a terminal, or a supervisor, reaches the whole group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

async function start({
  name,
  region,
  natsUrl,
  natsKey,
  threads,
  device,
  notePath,
  bodyMaxBytes,
  sequenceBytesMax,
  keptMaxBytes,
  observe = true,
}: StartOrder): Promise<void> {
  // Its own connection, so that answers take no detour and the host's loop sees none of them.
  const nc = await connect({
    servers: natsUrl,
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    // A run may hold up the loop for long; two unanswered pings must not be taken for a dead server then. The host, whose
    // loop is free, notices a frozen server first and says so in its heartbeat's absence.
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 2_000,
    waitOnFirstConnect: true,
    noAsyncTraces: true,
    ignoreClusterUpdates: true,
    ...connectAs(natsKey),
  });
  readQuickly(nc);
  void nc.closed().then(() => process.exit(1));
  const note = new RunNote(notePath);
  const warming = (replica: string): void => tell({ kind: 'warming', replica });
  const replicas = new ServedReplicas({
    nc,
    clock: systemClock,
    random: systemRandom,
    note,
    region,
    threads,
    device,
    bodyMaxBytes,
    sequenceBytesMax,
    keptMaxBytes,
    observe,
    warming,
  });
  await warmLibrary(threads);
  serving = { nc, replicas };
  giveBackWhenIdle(systemClock);
  tell({ kind: 'started' });
}

async function answer(order: HostCall): Promise<void> {
  const { call } = order;
  try {
    tell({ kind: 'done', call, ...(await carryOut(order)) });
  } catch (error) {
    const { code, message } = toFailure(error);
    tell({ kind: 'failed', call, code, message });
  }
  if (order.kind === 'stop') process.exit(0);
}

async function carryOut(order: HostCall): Promise<Pick<CallDone, 'loaded' | 'statistics' | 'left'>> {
  if (serving === undefined)
    throw new Error('an engine is given work only after it said that it has started');
  const { replicas, nc } = serving;
  if (order.kind === 'load') return { loaded: await replicas.load(order) };
  if (order.kind === 'statistics') return { statistics: replicas.statistics(order.replicas) };
  if (order.kind === 'unload') {
    const left = await replicas.unload(order);
    return left === undefined ? {} : { left };
  }
  await replicas.unloadAll(order.drainMs);
  await nc.flush();
  return {};
}

function pong(): void {
  tell({
    kind: 'pong',
    rssBytes: process.memoryUsage.rss(),
    replicas: serving?.replicas.changedCounters() ?? [],
  });
}

function tell(message: EngineMessage): void {
  // The callback takes the error of a host that is just going; without it the error would be thrown.
  process.send?.(message, undefined, undefined, () => undefined);
}

function die(error: unknown): never {
  process.stderr.write(
    `${JSON.stringify({ level: 'error', event: 'engine.failed', message: String(error) })}\n`,
  );
  process.exit(1);
}
