// The auditor's process is gone for a while at full load: no caller notices, and when it is back it knows how many answers nobody looked at.
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { type DrillMesh, eventually } from '../../chaos-tests/harness.js';
import { StatisticsReply } from '../../contracts/statistics.js';
import { subjects } from '../../contracts/subjects.js';
import { VerdictsReply } from '../../contracts/verdict.js';
import type { Call } from '../load/closed-loop.js';

const DEPTH = 64;

export interface Outage {
  readonly mesh: DrillMesh;
  readonly nc: NatsConnection;
  readonly call: Call;
  readonly shard: string;
  readonly model: string;
  readonly seconds: number;
}

export async function outage({ mesh, nc, call, shard, model, seconds }: Outage) {
  const { supervisor } = mesh.local;
  const before = await verdictsOf(nc);
  const callers = new AbortController();
  let answered = 0;
  let failed = 0;
  const load = Promise.all(
    Array.from({ length: DEPTH }, async (_, caller) => {
      for (let n = caller; !callers.signal.aborted; n += DEPTH)
        await call(n).then(
          () => answered++,
          () => failed++,
        );
    }),
  );
  supervisor.process('auditor').hold();
  await sleep(seconds * 1_000);
  const meanwhile = answered;
  supervisor.process('auditor').resume();
  await eventually('another auditor answers', async () => {
    const { since, versions } = await verdictsOf(nc);
    if (since === before.since || versions.length === 0) throw new Error('not yet');
  });
  callers.abort();
  await load;
  // What engines told at last is heard by now; both count the same answers or they do not.
  return eventually('the last reports are heard', async () => {
    const counted = await engineCount(nc, shard, model);
    const { versions } = await verdictsOf(nc);
    const sum = (of: (one: VerdictsReply['versions'][number]) => number) =>
      versions.filter((one) => one.model === model).reduce((total, one) => total + of(one), 0);
    const told = {
      heard: sum((one) => one.answered),
      leftOut: sum((one) => one.leftOut),
      unheard: sum((one) => one.unheard),
    };
    const missing = counted - told.heard - told.unheard;
    if (missing > 0) throw new Error(`${missing} answers are not counted yet`);
    return { seconds, answered, meanwhile, failed, counted, ...told, miscounted: Math.abs(missing) };
  });
}

async function verdictsOf(nc: NatsConnection): Promise<VerdictsReply> {
  return VerdictsReply.parse(
    (await nc.request(subjects.auditor('verdicts'), '{}', { timeout: 2_000 })).json(),
  );
}

/** Answers that the engines of the shard gave, by their own count. */
async function engineCount(nc: NatsConnection, shard: string, model: string): Promise<number> {
  const reply = await nc.request(subjects.shardControl(shard, 'statistics'), '{}', { timeout: 10_000 });
  return StatisticsReply.parse(reply.json())
    .replicas.filter((one) => one.model === model)
    .reduce((sum, { statistics }) => sum + statistics.inference_stats.success.count, 0);
}
