// Keeps the alerts and tells those concerned. State is in a bucket, so an auditor that comes back tells nobody twice; what fails to go out is tried again.
import { createHash } from 'node:crypto';
import type { KV } from '@nats-io/kv';
import {
  Alert,
  type AlertAnswer,
  type AlertNotification,
  type AlertRoutes,
} from '../../../contracts/alert.js';
import { failure } from '../../../contracts/errors.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import { decideTellings, type Telling } from './routing.js';

export interface AlertDeskParts {
  readonly bucket: Pick<KV, 'put' | 'delete' | 'keys' | 'get'>;
  readonly routes: AlertRoutes;
  /** To one receiver; throws when it did not arrive. */
  readonly send: (notification: AlertNotification) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export type Trouble = Pick<
  Alert,
  'kind' | 'about' | 'model' | 'severity' | 'summary' | 'evidence' | 'requestIds' | 'next' | 'runbook'
>;

/** What comes at once is told at once, together. */
const GATHER_MS = 200;
const SHOWN_MAX = 50;
const ALERTS_MAX = 10_000;
/** Not seen for so long it is over. */
const OVER_MS = 24 * 3_600_000;

/** `kind` and `about` together are one trouble. */
const idOf = ({ kind, about }: Pick<Alert, 'kind' | 'about'>): string =>
  createHash('sha256').update(`${kind}\n${about}`).digest('hex').slice(0, 16);

export class AlertDesk {
  private readonly alerts = new Map<string, Alert>();
  /** When each receiver was asked lately. */
  private readonly sentMs = new Map<string, number[]>();
  private readonly telling = new Set<string>();
  private readonly unsaved = new Set<string>();
  private stop: () => void = () => undefined;
  private working = false;

  private constructor(private readonly parts: AlertDeskParts) {}

  static async open(parts: AlertDeskParts): Promise<AlertDesk> {
    const desk = new AlertDesk(parts);
    for await (const key of await parts.bucket.keys()) {
      const entry = await parts.bucket.get(key);
      const read = entry && entry.operation === 'PUT' ? Alert.safeParse(entry.json()) : undefined;
      if (read?.success) desk.alerts.set(key, read.data);
    }
    desk.stop = parts.clock.every(GATHER_MS, () => void desk.round());
    return desk;
  }

  close(): void {
    this.stop();
  }

  /** The same trouble again is the same alert; one that was over begins anew. */
  raise(trouble: Trouble): Alert | undefined {
    const { clock, log } = this.parts;
    const id = idOf(trouble);
    const known = this.alerts.get(id);
    if (!known && this.alerts.size >= ALERTS_MAX) {
      log.error('alert.dropped', { kind: trouble.kind, about: trouble.about, alerts: ALERTS_MAX });
      return undefined;
    }
    const at = new Date(clock.now()).toISOString();
    const kept: Pick<Alert, 'firstAt' | 'times' | 'told'> & Partial<Alert> =
      known === undefined || known.overAt !== undefined
        ? { firstAt: at, times: 0, told: {}, silencedUntil: known?.silencedUntil }
        : known;
    const alert: Alert = { ...kept, id, ...trouble, lastAt: at, times: kept.times + 1 };
    this.change(alert);
    return alert;
  }

  /** Nothing where it was not known, or is over already. */
  over(trouble: Pick<Alert, 'kind' | 'about'>): void {
    const alert = this.alerts.get(idOf(trouble));
    if (alert && alert.overAt === undefined)
      this.change({ ...alert, overAt: new Date(this.parts.clock.now()).toISOString() });
  }

  /** Newest first. */
  list(): Alert[] {
    return [...this.alerts.values()].toSorted((a, b) => (a.lastAt < b.lastAt ? 1 : -1));
  }

  /** Throws NOT_FOUND. */
  answer({ id, by, silenceS }: AlertAnswer): Alert {
    const { clock } = this.parts;
    const found = [...this.alerts.values()].find((alert) => alert.id.startsWith(id));
    if (!found) throw failure('NOT_FOUND', `There is no alert ${id}: massif alerts lists them.`, { id });
    const now = clock.now();
    const alert: Alert =
      silenceS === undefined
        ? { ...found, acknowledged: { by, at: new Date(now).toISOString() } }
        : { ...found, silencedUntil: new Date(now + silenceS * 1_000).toISOString() };
    this.change(alert);
    return alert;
  }

  private change(alert: Alert): void {
    this.alerts.set(alert.id, alert);
    this.unsaved.add(alert.id);
  }

  private async round(): Promise<void> {
    if (this.working) return;
    this.working = true;
    const { routes, clock, log } = this.parts;
    try {
      this.forget();
      for (const telling of decideTellings([...this.alerts.values()], routes, this.sentMs, clock.now()))
        // Nobody waits for a receiver that takes its time but those who are told by it.
        if (!this.telling.has(telling.receiver)) void this.tell(telling);
      await this.save();
    } catch (error) {
      log.warn('alert.waiting', errorFields(error));
    } finally {
      this.working = false;
    }
  }

  private async tell({ receiver, due }: Telling): Promise<void> {
    const { send, routes, clock, log } = this.parts;
    const now = clock.now();
    this.telling.add(receiver);
    // Also where it fails: a receiver that is away is not asked five times a second.
    const lately = (this.sentMs.get(receiver) ?? []).filter((at_) => now - at_ < routes.groupS * 1_000);
    this.sentMs.set(receiver, [...lately, now]);
    const at = new Date(now).toISOString();
    const shown = due.slice(0, SHOWN_MAX).map(({ alert }) => ({
      ...alert,
      owners: alert.model === undefined ? [] : (routes.owners[alert.model] ?? []),
    }));
    try {
      await send({ receiver, at, alerts: shown, more: due.length - shown.length });
    } catch (error) {
      return log.warn('alert.not-sent', { receiver, alerts: due.length, ...errorFields(error) });
    } finally {
      this.telling.delete(receiver);
    }
    for (const { alert, mark } of due) {
      const present = this.alerts.get(alert.id);
      if (present) this.change({ ...present, notifiedAt: at, told: { ...present.told, [mark]: at } });
    }
    log.info('alert.sent', { receiver, alerts: due.length });
  }

  private forget(): void {
    const { clock } = this.parts;
    for (const { id, lastAt } of this.alerts.values())
      if (clock.now() - Date.parse(lastAt) > OVER_MS) {
        this.alerts.delete(id);
        this.unsaved.add(id);
      }
  }

  private async save(): Promise<void> {
    const { bucket } = this.parts;
    await Promise.all(
      Array.from(this.unsaved, async (id) => {
        this.unsaved.delete(id);
        const alert = this.alerts.get(id);
        try {
          await (alert ? bucket.put(id, JSON.stringify(alert)) : bucket.delete(id));
        } catch (error) {
          this.unsaved.add(id);
          throw error;
        }
      }),
    );
  }
}
