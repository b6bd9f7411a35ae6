// Alerts as mails over SMTP (nodemailer): one to each address, with what concerns it. send.ts makes a sender of it.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AlertNotification, AlertReceiver } from '../../../contracts/alert.js';

type Email = Extract<AlertReceiver, { type: 'email' }>;
type Told = AlertNotification['alerts'][number];

const TIMEOUT_MS = 5_000;
const SUBJECT_MAX = 150;

/** Throws when the server did not take every mail; those that it took may come once more then, with the same Message-ID. */
export function mailer(
  email: Email,
  { password, ca }: { readonly password?: string | undefined; readonly ca?: string | undefined },
): (notification: AlertNotification) => Promise<void> {
  const { url, from } = email;
  const { protocol, hostname, port, username } = new URL(url);
  const own = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const open = async () =>
    // Most meshes send no mail: what can is loaded for the first.
    (await import('nodemailer')).createTransport({
      host: hostname.replace(/^\[|\]$/g, ''),
      ...(port !== '' && { port: Number(port) }),
      secure: protocol === 'smtps:',
      // Passwords and alerts cross no network in the clear.
      requireTLS: protocol === 'smtp:' && !own,
      ...(username !== '' && { auth: { user: decodeURIComponent(username), pass: password ?? '' } }),
      ...(ca !== undefined && { tls: { ca } }),
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  let opened: ReturnType<typeof open> | undefined;
  return async (notification) => {
    const transport = await (opened ??= open());
    for (const [address, alerts] of mailsOf(notification, email))
      await transport.sendMail({
        from,
        to: address,
        messageId: messageIdOf(address, alerts, from),
        subject: subjectOf(alerts, notification.more),
        text: alerts.map(inWords).join('\n\n'),
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
  };
}

/** Addresses of the receiver get all of it, an owner what is about the own models. Nobody at all to write to is an error. */
export function mailsOf(
  { alerts }: Pick<AlertNotification, 'alerts'>,
  { to, owners }: Pick<Email, 'to' | 'owners'>,
): Map<string, readonly Told[]> {
  const mails = new Map<string, readonly Told[]>(to.map((address) => [address, alerts]));
  if (owners)
    for (const alert of alerts)
      for (const owner of alert.owners)
        if (z.email().safeParse(owner).success && !to.includes(owner))
          mails.set(owner, [...(mails.get(owner) ?? []), alert]);
  return mails;
}

export function subjectOf(alerts: readonly Told[], more: number): string {
  const worst =
    alerts.find(({ severity, overAt }) => severity === 'critical' && overAt === undefined) ?? alerts[0];
  const others = alerts.length - 1 + more;
  const state = worst?.overAt === undefined ? worst?.severity : 'over';
  // A summary is text of others: no line of it may become a header.
  const text = `[massif ${state}] ${worst?.summary ?? ''}`.replaceAll(/\s+/g, ' ').slice(0, SUBJECT_MAX);
  return others > 0 ? `${text} (and ${others} more)` : text;
}

const inWords = (alert: Told): string =>
  [
    `${alert.severity.toUpperCase()} ${alert.kind}${alert.model === undefined ? '' : ` (${alert.model})`}${alert.overAt === undefined ? '' : ', over'}`,
    alert.summary,
    `Since ${alert.firstAt}, seen ${alert.times} times, last ${alert.lastAt}${alert.overAt === undefined ? '' : `, over ${alert.overAt}`}.`,
    ...Object.entries(alert.evidence).map(([name, value]) => `  ${name}: ${value}`),
    ...(alert.requestIds.length === 0 ? [] : [`Requests: ${alert.requestIds.join(' ')}`]),
    `Next: ${alert.next}`,
    `Runbook: ${alert.runbook}`,
    `massif alerts ack ${alert.id}`,
  ].join('\n');

/** The same for the same news, so that a mail that comes twice is one. */
function messageIdOf(address: string, alerts: readonly Told[], from: string): string {
  const hash = createHash('sha256').update(address);
  for (const { id, firstAt, lastAt, overAt } of alerts) hash.update(`\n${id} ${firstAt} ${overAt ?? lastAt}`);
  return `<${hash.digest('hex').slice(0, 32)}@${from.slice(from.indexOf('@') + 1)}>`;
}
