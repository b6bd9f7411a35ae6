// Who is told of which alert, and when: pure, from the routes, the alerts and what was told before. The desk asks twice a second.
import type { Alert, AlertRoutes } from '../../../contracts/alert.js';

export interface Telling {
  readonly receiver: string;
  readonly alerts: readonly Alert[];
  /** Of these: those whose time to be acknowledged is over. */
  readonly escalated: ReadonlySet<string>;
}

/** `lastMs`: when each receiver was told last. What is due for a receiver goes out together, once in `groupS`. */
export function decideTellings(
  alerts: Iterable<Alert>,
  { routes, groupS, repeatS }: AlertRoutes,
  lastMs: ReadonlyMap<string, number>,
  nowMs: number,
): Telling[] {
  const due = new Map<string, { alerts: Alert[]; escalated: Set<string> }>();
  const add = (receivers: readonly string[], alert: Alert, escalates: boolean): void => {
    for (const receiver of receivers) {
      const group = due.get(receiver) ?? { alerts: [], escalated: new Set<string>() };
      group.alerts.push(alert);
      if (escalates) group.escalated.add(alert.id);
      due.set(receiver, group);
    }
  };
  for (const alert of alerts) {
    if (alert.silencedUntil !== undefined && Date.parse(alert.silencedUntil) > nowMs) continue;
    const route = routes.find(
      ({ models, severities }) =>
        (!models || (alert.model !== undefined && models.includes(alert.model))) &&
        (!severities || severities.includes(alert.severity)),
    );
    if (!route || alert.acknowledged) continue;
    const toldMs = alert.notifiedAt === undefined ? undefined : Date.parse(alert.notifiedAt);
    if (toldMs === undefined || (Date.parse(alert.lastAt) > toldMs && nowMs - toldMs >= repeatS * 1_000))
      add(route.to, alert, false);
    const { escalate } = route;
    if (escalate && !alert.escalated && nowMs - Date.parse(alert.firstAt) >= escalate.afterS * 1_000)
      add(escalate.to, alert, true);
  }
  return [...due]
    .filter(([receiver]) => nowMs - (lastMs.get(receiver) ?? -Infinity) >= groupS * 1_000)
    .map(([receiver, group]) => ({ receiver, ...group }));
}
