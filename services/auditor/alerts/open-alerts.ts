// The desk of a running auditor: routes from a file, state in the home region's bucket, receivers over HTTP, SMTP and on the bus.
import { readFile } from 'node:fs/promises';
import { type AlertNotification, AlertRoutes } from '../../../contracts/alert.js';
import { buckets } from '../../../contracts/buckets.js';
import { subjects } from '../../../contracts/subjects.js';
import type { MeshParts } from '../../mesh/mesh.module.js';
import { ConfigError } from '../../mesh/service-config.js';
import { AlertDesk } from './alert-desk.js';
import { type Send, senderOf } from './send.js';

/** A receiver that is always there: `massif.events.alert` and nothing else. */
const BUS = 'bus';
const DEFAULT = AlertRoutes.parse({ routes: [{ to: [BUS] }], groupS: 1 });

export async function openAlerts(
  { config, bus, clock, log }: Pick<MeshParts, 'config' | 'bus' | 'clock' | 'log'>,
  routes: AlertRoutes,
): Promise<AlertDesk> {
  const senders = new Map<string, Send>();
  for (const [name, receiver] of Object.entries(routes.receivers))
    senders.set(name, await senderOf(name, receiver));
  const send = async (notification: AlertNotification): Promise<void> => {
    bus.nc.publish(subjects.alertEvents(), JSON.stringify(notification));
    await senders.get(notification.receiver)?.(notification);
  };
  const bucket = await bus.kv(buckets.alerts(config.region), { create: { history: 1 } });
  return AlertDesk.open({ bucket, routes, send, clock, log });
}

/** The file that MASSIF_ALERTS names; alerts go out on the bus alone where there is none. Throws ConfigError. */
export async function readRoutes(path: string | undefined): Promise<AlertRoutes> {
  if (path === undefined) return DEFAULT;
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
  const { routes, receivers, owners } = read.data;
  const named = routes.flatMap(({ to, escalate }) => [
    ...to,
    ...escalate.flatMap(({ to: behind }) => behind),
  ]);
  const unknown = named.find((name) => name !== BUS && !(name in receivers));
  if (unknown !== undefined) throw new ConfigError(`${path}: no receiver is called "${unknown}".`);
  for (const [name, receiver] of Object.entries(receivers))
    if (
      receiver.type === 'email' &&
      receiver.to.length === 0 &&
      !(receiver.owners && Object.keys(owners).length > 0)
    )
      throw new ConfigError(
        `${path}: receiver "${name}" writes to nobody: give it "to", or "owners": true and owners of models.`,
      );
  return read.data;
}
