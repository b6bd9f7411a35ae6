// The desk of a running auditor: routes from a file, state in the home region's bucket, receivers over HTTP and on the bus.
import { readFile } from 'node:fs/promises';
import { type AlertNotification, AlertRoutes } from '../../../contracts/alert.js';
import { buckets } from '../../../contracts/buckets.js';
import { subjects } from '../../../contracts/subjects.js';
import type { MeshParts } from '../../mesh/mesh.module.js';
import { ConfigError } from '../../mesh/service-config.js';
import type { AuditorConfig } from '../auditor.config.js';
import { AlertDesk } from './alert-desk.js';
import { sendTo } from './send.js';

/** A receiver that is always there: `massif.events.alert` and nothing else. */
const BUS = 'bus';
const DEFAULT = AlertRoutes.parse({ routes: [{ to: [BUS] }], groupS: 1 });

export async function openAlerts(
  { config, bus, clock, log }: Pick<MeshParts, 'config' | 'bus' | 'clock' | 'log'>,
  { alertsPath }: AuditorConfig,
): Promise<AlertDesk> {
  const routes = alertsPath === undefined ? DEFAULT : await readRoutes(alertsPath);
  const send = async (notification: AlertNotification): Promise<void> => {
    bus.nc.publish(subjects.alertEvents(), JSON.stringify(notification));
    const receiver = routes.receivers[notification.receiver];
    if (receiver) await sendTo(receiver, notification);
  };
  const bucket = await bus.kv(buckets.alerts(config.region), { create: { history: 1 } });
  return AlertDesk.open({ bucket, routes, send, clock, log });
}

async function readRoutes(path: string): Promise<AlertRoutes> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`MASSIF_ALERTS must name a JSON file, got "${path}": ${(error as Error).message}.`);
  }
  const read = AlertRoutes.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new ConfigError(`${path}: ${issue?.path.join('.')} ${issue?.message}.`);
  }
  const { routes, receivers } = read.data;
  const named = routes.flatMap(({ to, escalate }) => [...to, ...(escalate?.to ?? [])]);
  const unknown = named.find((name) => name !== BUS && !(name in receivers));
  if (unknown !== undefined) throw new ConfigError(`${path}: no receiver is called "${unknown}".`);
  return read.data;
}
