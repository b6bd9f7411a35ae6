// One notification on its way to a receiver: a webhook, or Alertmanager in its own form. The desk decides what and when.
import type { AlertNotification, AlertReceiver } from '../../../contracts/alert.js';

const TIMEOUT_MS = 5_000;

/** Throws when the other side does not say that it has it. */
export async function sendTo(receiver: AlertReceiver, notification: AlertNotification): Promise<void> {
  const body = receiver.type === 'alertmanager' ? forAlertmanager(notification) : notification;
  const answer = await fetch(receiver.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${receiver.url} answered ${answer.status}.`);
}

/** https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, postableAlerts. */
const forAlertmanager = ({ alerts }: AlertNotification) =>
  alerts.map(({ id, kind, model, severity, summary, next, runbook, firstAt, owners }) => ({
    labels: { alertname: kind, severity, massif_alert: id, ...(model !== undefined && { model }) },
    annotations: { summary, next, runbook, owners: owners.join(', ') },
    startsAt: firstAt,
  }));
