// How a process tells the auditor what it did or refused: one small message, which a stream keeps until it is written down. Whoever
// decides something that people will ask about later calls it; nobody waits for it.
import type { AuditEvent } from '../../contracts/audit.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from './bus.js';
import type { Clock } from './clock.js';

export type Tale = Pick<AuditEvent, 'who' | 'action' | 'outcome'> & {
  readonly about: Readonly<Record<string, string | number | undefined>>;
  readonly why?: string | undefined;
};
export type TellAudit = (tale: Tale) => void;

const TEXT_MAX = 1_000;

export function tellAudit(bus: Pick<Bus, 'nc'>, source: string, clock: Pick<Clock, 'now'>): TellAudit {
  return (tale) => {
    // A connection that was closed is a process that leaves: what it does now its successor tells.
    if (!bus.nc.isClosed())
      bus.nc.publish(subjects.auditEvents(), JSON.stringify(eventOf(tale, source, clock)));
  };
}

export function eventOf(tale: Tale, source: string, clock: Pick<Clock, 'now'>): AuditEvent {
  const about = Object.entries(tale.about).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value).slice(0, TEXT_MAX)] as const],
  );
  return {
    at: new Date(clock.now()).toISOString(),
    source,
    who: tale.who.slice(0, 300),
    action: tale.action,
    about: Object.fromEntries(about),
    outcome: tale.outcome,
    why: (tale.why ?? '').slice(0, TEXT_MAX),
  };
}
