// Alerts on a real JetStream and a real HTTP server: one trouble is one alert, a thousand at once are few notifications, and what failed is told later.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AlertNotification, AlertRoutes } from '../../../contracts/alert.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../../mesh/bus.js';
import { systemClock } from '../../mesh/clock.js';
import { silentLog } from '../../mesh/log.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { AlertDesk, type Trouble } from './alert-desk.js';
import { senderOf } from './send.js';

let dir: string;
let nats: NatsServer;
let bus: Bus;
let http: Server;
let got: AlertNotification[];
let status: number;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-alerts-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'auditor', region: 'east' });
  [got, status] = [[], 200];
  http = createServer((request, response) => {
    void (async () => {
      const parts: Uint8Array[] = [];
      for await (const part of request) parts.push(part as Uint8Array);
      if (status === 200)
        got.push(AlertNotification.parse(JSON.parse(Buffer.concat(parts).toString('utf8'))));
      response.writeHead(status).end();
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

const trouble = (n: number): Trouble => ({
  kind: 'verdict.suspicious',
  about: `version ${n}`,
  model: 'ocr',
  severity: 'warning',
  summary: 'The inputs are not those of the reference any more.',
  evidence: {},
  requestIds: [],
  next: 'look',
  runbook: 'docs/auditor.md',
});

async function openDesk(groupS = 1): Promise<AlertDesk> {
  const { port } = http.address() as AddressInfo;
  const hook = { type: 'webhook', url: `http://127.0.0.1:${port}/` } as const;
  const routes = AlertRoutes.parse({
    receivers: { hook },
    routes: [{ models: ['ocr'], to: ['hook'] }],
    owners: { ocr: ['ada'] },
    groupS,
  });
  const bucket = await bus.kv('massif_alerts_east', { create: { history: 1 } });
  return AlertDesk.open({
    bucket,
    routes,
    send: await senderOf('hook', hook),
    clock: systemClock,
    log: silentLog,
  });
}

test('a thousand alarms at once make at most three notifications, and the same trouble again none', async () => {
  const desk = await openDesk();
  for (let n = 0; n < 1_000; n++) desk.raise(trouble(n));
  await waitUntil(
    'all are told',
    () => desk.list().every(({ notifiedAt }) => notifiedAt !== undefined),
    30_000,
  );
  expect(got.length).toBeLessThanOrEqual(3);
  expect(got.reduce((sum, { alerts, more }) => sum + alerts.length + more, 0)).toBe(1_000);
  expect(got[0]?.alerts[0]).toMatchObject({ model: 'ocr', owners: ['ada'] });
  const before = got.length;
  for (let n = 0; n < 1_000; n++) desk.raise(trouble(n));
  expect(desk.list().every(({ times }) => times === 2)).toBe(true);
  await systemClock.sleep(1_500);
  expect(got).toHaveLength(before);
  desk.close();
}, 60_000);

test('what did not arrive is told later, what was told is not told again by the next auditor, and an answer is kept', async () => {
  status = 503;
  const desk = await openDesk();
  const { id } = desk.raise(trouble(1)) ?? { id: '' };
  await systemClock.sleep(500);
  expect(got).toEqual([]);
  status = 200;
  await waitUntil('it arrived', () => got.length === 1, 30_000);
  expect(desk.answer({ id, by: 'ada', reason: '' }).acknowledged?.by).toBe('ada');
  const bucket = await bus.kv('massif_alerts_east');
  await waitUntil(
    'it is kept',
    async () => (await bucket.get(id))?.string().includes('acknowledged') ?? false,
    30_000,
  );
  desk.close();
  const next = await openDesk();
  expect(next.list()).toMatchObject([{ id, acknowledged: { by: 'ada' } }]);
  await systemClock.sleep(1_000);
  expect(got).toHaveLength(1);
  next.close();
}, 60_000);
