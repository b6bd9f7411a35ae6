// How each kind of receiver is told: a webhook, Alertmanager in its own form, a mail. The desk decides what and when.
import { createHmac, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AlertNotification, AlertReceiver } from '../../../contracts/alert.js';
import { ConfigError } from '../../mesh/service-config.js';
import { mailer } from './email.js';

/** Throws when the other side does not say that it has it. */
export type Send = (notification: AlertNotification) => Promise<void>;

const TIMEOUT_MS = 5_000;
/** Standard Webhooks asks for 24 to 64 bytes. */
const SECRET_BYTES_MIN = 24;

/** Reads the files that the receiver names. Throws ConfigError. */
export async function senderOf(name: string, receiver: AlertReceiver): Promise<Send> {
  const secret = async (path: string): Promise<string> => {
    try {
      return (await readFile(path, 'utf8')).trim();
    } catch (error) {
      throw new ConfigError(
        `Receiver "${name}" names ${path}, which cannot be read: ${(error as Error).message}.`,
      );
    }
  };
  if (receiver.type === 'email')
    return mailer(receiver, {
      password: receiver.passwordFile && (await secret(receiver.passwordFile)),
      ca: receiver.caFile && (await secret(receiver.caFile)),
    });
  if (receiver.type === 'alertmanager')
    return (notification) => post(receiver.url, JSON.stringify(forAlertmanager(notification)));
  const { url, secretFile } = receiver;
  if (secretFile === undefined) return (notification) => post(url, JSON.stringify(notification));
  const key = Buffer.from((await secret(secretFile)).replace(/^whsec_/, ''), 'base64');
  if (key.length < SECRET_BYTES_MIN)
    throw new ConfigError(
      `${secretFile} must hold a secret of ${SECRET_BYTES_MIN} bytes or more in base64, got ${key.length}.`,
    );
  return (notification) => {
    const body = JSON.stringify(notification);
    return post(url, body, signed(body, key, randomUUID(), Math.floor(Date.parse(notification.at) / 1_000)));
  };
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, symmetric signature. */
export function signed(body: string, key: Uint8Array, id: string, seconds: number): Record<string, string> {
  const mac = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${mac}` };
}

async function post(url: string, body: string, more: Record<string, string> = {}): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...more },
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  // However much it says: nothing of it is read.
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}.`);
}

/** What is not told again for so long counts as over there. */
const ENDS_AFTER_MS = 24 * 3_600_000;

/** https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, postableAlerts. */
const forAlertmanager = ({ alerts }: AlertNotification) =>
  alerts.map(({ id, kind, model, severity, summary, next, runbook, firstAt, lastAt, overAt, owners }) => ({
    labels: { alertname: kind, severity, massif_alert: id, ...(model !== undefined && { model }) },
    annotations: { summary, next, runbook, owners: owners.join(', ') },
    startsAt: firstAt,
    endsAt: overAt ?? new Date(Date.parse(lastAt) + ENDS_AFTER_MS).toISOString(),
  }));
