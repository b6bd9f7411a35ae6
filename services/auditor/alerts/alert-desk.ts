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
  'kind' | 'model' | 'severity' | 'summary' | 'evidence' | 'requestIds' | 'next' | 'runbook'
> & {
  /** What it is about: together with `kind` it makes the alert's id. */
  readonly about: string;
};

/** What comes at once is told at once, together. */
const GATHER_MS = 200;
const SHOWN_MAX = 50;
const ALERTS_MAX = 10_000;
/** Not seen for so long it is over. */
const OVER_MS = 24 * 3_600_000;

export class AlertDesk {
  private readonly alerts = new Map<string, Alert>();
  private readonly lastMs = new Map<string, number>();
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

  /** The same trouble again is the same alert. */
  raise({ about, ...trouble }: Trouble): Alert | undefined {
    const { clock, log } = this.parts;
    const id = createHash('sha256').update(`${trouble.kind}\n${about}`).digest('hex').slice(0, 16);
    const before = this.alerts.get(id);
    if (!before && this.alerts.size >= ALERTS_MAX) {
      log.error('alert.dropped', { kind: trouble.kind, about, alerts: ALERTS_MAX });
      return undefined;
    }
    const at = new Date(clock.now()).toISOString();
    const { firstAt = at, times = 0, acknowledged, silencedUntil, notifiedAt, escalated } = before ?? {};
    const alert: Alert = {
      id,
      ...trouble,
      firstAt,
      lastAt: at,
      times: times + 1,
      ...(acknowledged && { acknowledged }),
      ...(silencedUntil !== undefined && { silencedUntil }),
      ...(notifiedAt !== undefined && { notifiedAt }),
      ...(escalated !== undefined && { escalated }),
    };
    this.change(alert);
    return alert;
  }

  /** Newest first. */
  list(): Alert[] {
    return [...this.alerts.values()].toSorted((a, b) => (a.lastAt < b.lastAt ? 1 : -1));
  }

  /** Throws NOT_FOUND. */
  answer({ id, by, silenceS }: AlertAnswer): Alert {
    const { clock } = this.parts;
    const found = [...this.alerts.values()].find((alert) => alert.id.startsWith(id));
    if (!found) throw failure('NOT_FOUND', `There is no alert ${id}.`, { id });
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
      const tellings = decideTellings(this.alerts.values(), routes, this.lastMs, clock.now());
      await Promise.all(tellings.map((telling) => this.tell(telling)));
      await this.save();
    } catch (error) {
      log.warn('alert.waiting', errorFields(error));
    } finally {
      this.working = false;
    }
  }

  private async tell({ receiver, alerts, escalated }: Telling): Promise<void> {
    const { send, routes, clock, log } = this.parts;
    const now = clock.now();
    // Also where it fails: a receiver that is away is not asked five times a second.
    this.lastMs.set(receiver, now);
    const at = new Date(now).toISOString();
    const shown = alerts.slice(0, SHOWN_MAX).map((alert) => ({
      ...alert,
      owners: alert.model === undefined ? [] : (routes.owners[alert.model] ?? []),
    }));
    try {
      await send({ receiver, at, alerts: shown, more: alerts.length - shown.length });
    } catch (error) {
      return log.warn('alert.not-sent', { receiver, alerts: alerts.length, ...errorFields(error) });
    }
    for (const { id } of alerts) {
      const now_ = this.alerts.get(id);
      if (now_) this.change({ ...now_, ...(escalated.has(id) ? { escalated: true } : { notifiedAt: at }) });
    }
    log.info('alert.sent', { receiver, alerts: alerts.length });
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
