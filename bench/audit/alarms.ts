// From an alert raised to the webhook that has it, for owners who were told nothing lately; and how many notifications a thousand alarms at
// once make. A real bucket, a real HTTP server, the desk of a running auditor.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AlertNotification, AlertRoutes } from '../../contracts/alert.js';
import { startNats } from '../../deploy/local/nats.js';
import { AlertDesk, type Trouble } from '../../services/auditor/alerts/alert-desk.js';
import { senderOf } from '../../services/auditor/alerts/send.js';
import { connectBus } from '../../services/mesh/bus.js';
import { systemClock } from '../../services/mesh/clock.js';
import { silentLog } from '../../services/mesh/log.js';
import type { Random } from '../../services/mesh/random.js';
import { percentile } from '../report.js';

const TOGETHER = 1_000;
const WAIT_MS = 30_000;

const trouble = (model: string, about: string): Trouble => ({
  kind: 'verdict.abnormal',
  about,
  model,
  severity: 'critical',
  summary: 'three broken answers in a row',
  evidence: {},
  requestIds: [],
  next: 'look',
  runbook: 'deploy/runbooks/verdicts.md',
});

export async function alarms(owners: number, random: Random) {
  const dir = await mkdtemp(join(tmpdir(), 'massif-alarms-'));
  const nats = await startNats({ dir, region: 'east' });
  const bus = await connectBus({ url: nats.url, name: 'bench', region: 'east' });
  const got: { readonly atMs: number; readonly notification: AlertNotification }[] = [];
  const http = createServer((request, response) => {
    void (async () => {
      const parts: Uint8Array[] = [];
      for await (const part of request) parts.push(part as Uint8Array);
      const notification = AlertNotification.parse(JSON.parse(Buffer.concat(parts).toString('utf8')));
      got.push({ atMs: performance.now(), notification });
      response.end();
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
    const names = Array.from({ length: owners }, (_, n) => `m${n}`);
    const routes = AlertRoutes.parse({
      receivers: Object.fromEntries([...names, 'all'].map((name) => [name, { type: 'webhook', url }])),
      routes: [...names.map((name) => ({ models: [name], to: [name] })), { to: ['all'] }],
    });
    const senders = new Map(
      await Promise.all(
        Object.entries(routes.receivers).map(
          async ([name, one]) => [name, await senderOf(name, one)] as const,
        ),
      ),
    );
    const desk = await AlertDesk.open({
      bucket: await bus.kv('massif_alerts_east', { create: { history: 1 } }),
      routes,
      send: async (notification) => senders.get(notification.receiver)?.(notification),
      clock: systemClock,
      log: silentLog,
    });
    const raisedMs = new Map<string, number>();
    for (const name of names) {
      raisedMs.set(name, performance.now());
      desk.raise(trouble(name, name));
      await sleep(random() * 100);
    }
    await until(() => got.length >= owners);
    const latencies = got.map(
      ({ atMs, notification }) => atMs - (raisedMs.get(notification.receiver) ?? Number.NaN),
    );
    got.length = 0;
    for (let n = 0; n < TOGETHER; n++) desk.raise(trouble('storm', `version ${n}`));
    const told = () => got.reduce((sum, { notification: { alerts, more } }) => sum + alerts.length + more, 0);
    await until(() => told() >= TOGETHER);
    // What would still come, would come now.
    await sleep(1_000);
    desk.close();
    return {
      owners,
      webhookMs: {
        p50: percentile(latencies, 0.5),
        p95: percentile(latencies, 0.95),
        max: Math.max(...latencies),
      },
      together: { alarms: TOGETHER, told: told(), notifications: got.length },
    };
  } finally {
    http.closeAllConnections();
    http.close();
    await bus.drain();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function until(met: () => boolean): Promise<void> {
  const signal = AbortSignal.timeout(WAIT_MS);
  while (!met()) {
    signal.throwIfAborted();
    await sleep(10);
  }
}
