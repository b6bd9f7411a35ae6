// The load of `batching`, in a process of its own: requests to one replica at moments drawn beforehand (Poisson), whatever comes back.
// Time counts from the moment drawn, so that a caller held up makes the engine look worse, never better. Its parent says over IPC
// what to send where and hears what came of it, and how much processor time it took.
import { createInbox, connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { headers } from '../../contracts/headers.js';
import { subjects } from '../../contracts/subjects.js';
import { headerBlock, headerLine } from '../../services/mesh/header-block.js';
import { seededRandom } from '../../services/mesh/random.js';

export interface Target {
  readonly url: string;
  readonly replica: string;
}

export interface Bodies {
  readonly bytes: readonly Uint8Array[];
  readonly jsonLength: number;
}

export interface OpenLoop {
  readonly kind: 'open';
  readonly target: Target;
  readonly bodies: Bodies;
  readonly perSecond: number;
  readonly seconds: number;
  readonly deadlineMs: number;
  readonly seed: number;
}

/** One request at a time, to each target in turn. */
export interface Lone {
  readonly kind: 'lone';
  readonly targets: readonly Target[];
  readonly bodies: Bodies;
  readonly rounds: number;
}

export interface OpenLoopEnd {
  readonly sent: number;
  /** Answered with a result inside the deadline. */
  readonly good: number;
  readonly late: number;
  readonly refused: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of this process, per second of load. */
  readonly cpuShare: number;
}

const connections = new Map<string, Promise<NatsConnection>>();
const connected = (url: string): Promise<NatsConnection> => {
  const known = connections.get(url) ?? connect({ servers: url, noAsyncTraces: true });
  connections.set(url, known);
  return known;
};

process.on('disconnect', () => process.exit(0));
process.on('message', (order: OpenLoop | Lone) => {
  const done = order.kind === 'open' ? openLoop(order) : lone(order);
  void done.then((result) => process.send?.(result));
});
process.send?.('ready');

const linesOf = ({ jsonLength }: Bodies, timeoutMs: number): string =>
  headerLine(headers.jsonLength, jsonLength) + headerLine(headers.timeoutMs, timeoutMs);

/** An answer's body begins with its model's name, a failure's with the error. */
const isResult = ({ data }: Msg): boolean => data[2] === 'm'.charCodeAt(0);

async function openLoop(order: OpenLoop): Promise<OpenLoopEnd> {
  const { target, bodies, perSecond, seconds, deadlineMs, seed } = order;
  const nc = await connected(target.url);
  const random = seededRandom(seed);
  const moments: number[] = [];
  for (let at = 0; at < seconds * 1_000; at += (-Math.log(1 - random()) * 1_000) / perSecond)
    moments.push(at);
  const took: number[] = [];
  let [good, late, refused, open] = [0, 0, 0, moments.length];
  const inbox = createInbox();
  const answers = nc.subscribe(`${inbox}.*`, {
    callback: (_, message) => {
      open--;
      if (!isResult(message)) {
        refused++;
        return;
      }
      const n = Number(message.subject.slice(inbox.length + 1));
      const ms = performance.now() - startedMs - (moments[n] ?? 0);
      took.push(ms);
      if (ms <= deadlineMs) good++;
      else late++;
    },
  });
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  for (let sent = 0; sent < moments.length;) {
    const now = performance.now() - startedMs;
    for (; sent < moments.length && (moments[sent] ?? 0) <= now; sent++) {
      const leftMs = Math.max(1, Math.floor(deadlineMs - (now - (moments[sent] ?? 0))));
      const options = { reply: `${inbox}.${sent}`, headers: headerBlock(linesOf(bodies, leftMs)) };
      nc.publish(subjects.run(target.replica), bodies.bytes[sent % bodies.bytes.length], options);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const untilMs = performance.now() + 10 * deadlineMs;
  while (open > 0 && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 2));
  const { user, system } = process.cpuUsage(cpu);
  const elapsedMs = performance.now() - startedMs;
  answers.unsubscribe();
  const sorted = took.toSorted((a, b) => a - b);
  const at = (p: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
  return {
    sent: moments.length,
    good,
    late,
    refused,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuShare: (user + system) / 1_000 / elapsedMs,
  };
}

async function lone({ targets, bodies, rounds }: Lone): Promise<number[][]> {
  const took: number[][] = targets.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, { url, replica }] of targets.entries()) {
      const nc = await connected(url);
      const block = headerBlock(linesOf(bodies, 5_000));
      const startedMs = performance.now();
      await nc.request(subjects.run(replica), bodies.bytes[round % bodies.bytes.length], {
        timeout: 5_000,
        headers: block,
      });
      took[i]?.push(performance.now() - startedMs);
    }
  return took;
}
