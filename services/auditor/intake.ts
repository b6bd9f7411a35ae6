// What is told on `massif.events.>` anywhere in the mesh lies in a stream until it is in the log: an auditor that was dead reads on where it
// was. Each message is written once: the entry keeps its number, and what a new life finds written it only acknowledges.
import {
  AckPolicy,
  type Consumer,
  DiscardPolicy,
  jetstreamManager,
  type JsMsg,
  StorageType,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { AuditEvent } from '../../contracts/audit.js';
import { streams } from '../../contracts/buckets.js';
import { toFailure } from '../../contracts/errors.js';
import { VersionNotice } from '../../contracts/lifecycle.js';
import { ReleaseNotice } from '../../contracts/release.js';
import { subjects, wildcards } from '../../contracts/subjects.js';
import { backoffMs, RESTART_BACKOFF } from '../mesh/backoff.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import type { AuditLog, Incoming } from './audit-log.js';
import { AlertNotification } from '../../contracts/alert.js';
import { VerdictNotice } from '../../contracts/verdict.js';

export interface IntakeParts {
  readonly bus: Bus;
  readonly region: string;
  readonly audit: Pick<AuditLog, 'append' | 'lastIntake'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const CONSUMER = 'auditor';
const BATCH_MAX = 256;
const WAIT_MS = 1_000;
/** One auditor at a time works on what it took; a dead one's share comes to the next after this. */
const ACK_WAIT_MS = 10_000;
const KEPT_DAYS = 30;
const KEPT_MAX = 1_000_000;

export class Intake {
  private readonly leaving = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: IntakeParts) {}

  /** The stream is there when this returns: what is told from then on is not lost. */
  async begin(): Promise<void> {
    const { bus, region } = this.parts;
    const manager = await jetstreamManager(bus.nc);
    const stream = streams.auditIntake(region);
    await manager.streams.add({
      name: stream,
      subjects: [wildcards.events()],
      storage: StorageType.File,
      max_age: nanos(KEPT_DAYS * 86_400_000),
      max_msgs: KEPT_MAX,
      discard: DiscardPolicy.Old,
    });
    await manager.consumers.add(stream, {
      durable_name: CONSUMER,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: BATCH_MAX,
    });
    this.running = this.run(await bus.js.consumers.get(stream, CONSUMER));
  }

  async end(): Promise<void> {
    this.leaving.abort();
    await this.running;
  }

  private async run(consumer: Consumer): Promise<void> {
    const { clock, random, log } = this.parts;
    const { signal } = this.leaving;
    for (let tries = 0; !signal.aborted;) {
      try {
        await this.round(consumer);
        tries = 0;
      } catch (error) {
        if (tries === 0) log.warn('audit.intake.waiting', errorFields(error));
        await clock.sleep(backoffMs(tries++, RESTART_BACKOFF, random), signal).catch(() => undefined);
      }
    }
  }

  private async round(consumer: Consumer): Promise<void> {
    const { audit } = this.parts;
    const first = await consumer.next({ expires: WAIT_MS });
    if (first === null) return;
    const taken = [first];
    if (first.info.pending > 0) {
      const more = await consumer.fetch({
        max_messages: Math.min(BATCH_MAX - 1, first.info.pending),
        expires: WAIT_MS,
      });
      for await (const message of more) taken.push(message);
    }
    const fresh = taken
      .toSorted((a, b) => a.seq - b.seq)
      .filter(({ seq }) => seq > audit.lastIntake)
      .map((message) => this.incoming(message));
    await audit.append(fresh);
    for (const message of taken) message.ack();
  }

  private incoming(message: JsMsg): Incoming {
    const { subject, seq: intake, timestamp } = message;
    try {
      return { event: eventIn(subject, message.json(), timestamp), intake };
    } catch (error) {
      // Somebody told something that is nothing: that, too, is worth a line.
      const about = { subject, bytes: String(message.data.length) };
      const why = toFailure(error).message.slice(0, 300);
      const { region: source } = this.parts;
      return {
        event: {
          at: timestamp,
          source,
          who: 'unknown',
          action: 'audit.unreadable',
          about,
          outcome: 'refused',
          why,
        },
        intake,
      };
    }
  }
}

function eventIn(subject: string, body: unknown, at: string): AuditEvent {
  if (subject === subjects.auditEvents()) return AuditEvent.parse(body);
  if (subject === subjects.versionEvents()) {
    const { model, digest, label, move } = VersionNotice.parse(body);
    return {
      at: move.at,
      source: 'registry',
      who: move.by,
      action: `version.${move.to}`,
      about: { model, version: digest, label },
      outcome: 'done',
      why: move.why,
    };
  }
  if (subject === subjects.releaseEvents()) {
    const { release, endpoint, from, to, step, arms, event, ...notice } = ReleaseNotice.parse(body);
    const served = arms.map(({ arm, label, weight }) => `${arm} ${label} ${weight / 100} %`).join(', ');
    return {
      at: notice.at,
      source: 'registry',
      who: notice.by,
      action: `release.${event.toLowerCase()}`,
      about: { release, endpoint, from, to, step: String(step), arms: served.slice(0, 900) },
      outcome: 'done',
      why: notice.why.slice(0, 1_000),
    };
  }
  if (subject === subjects.verdictEvents()) {
    const { model, label, version, judgement, act, note, at: toldAt } = VerdictNotice.parse(body);
    return {
      at: toldAt,
      source: 'auditor',
      who: 'auditor',
      action: `verdict.${judgement.verdict}`,
      about: { model, version, label, act, note },
      outcome: 'done',
      why: judgement.why,
    };
  }
  if (subject === subjects.alertEvents()) {
    const { receiver, alerts, more } = AlertNotification.parse(body);
    const ids = alerts.map(({ id }) => id).join(' ');
    const about = { receiver, alerts: ids.slice(0, 1_000), more: String(more) };
    const why = alerts[0]?.summary ?? '';
    return { at, source: 'auditor', who: 'auditor', action: 'alert.told', about, outcome: 'done', why };
  }
  return {
    at,
    source: 'unknown',
    who: 'unknown',
    action: 'audit.other',
    about: { subject, text: JSON.stringify(body).slice(0, 900) },
    outcome: 'done',
    why: '',
  };
}
