// Who is told of which alert, and when: pure, from the routes, the alerts and what was told before. The desk asks five times a second.
import type { Alert, AlertRoutes } from '../../../contracts/alert.js';

export interface Due {
  readonly alert: Alert;
  /** Under which it stands in the alert's `told` once it went out. */
  readonly mark: string;
}

export interface Telling {
  readonly receiver: string;
  readonly due: readonly Due[];
}

type Route = AlertRoutes['routes'][number];

/** Within the time of a group: so many notifications for what is critical, one for the rest. */
const CRITICAL_MAX = 3;

/** `sentMs`: when each receiver was asked lately. What is due for a receiver goes out together. */
export function decideTellings(
  alerts: readonly Alert[],
  { routes, groupS, repeatS }: AlertRoutes,
  sentMs: ReadonlyMap<string, readonly number[]>,
  nowMs: number,
): Telling[] {
  const due = new Map<string, Due[]>();
  const covered = criticalOf(alerts);
  for (const alert of alerts) {
    if (isSilent(alert, nowMs) || (alert.severity === 'warning' && covered.has(alert.about))) continue;
    const route = routes.find((one) => matches(one, alert));
    if (!route) continue;
    for (const [receiver, mark] of receiversOf(route, alert, nowMs))
      if (isDue(alert, mark, repeatS * 1_000, nowMs))
        due.set(receiver, [...(due.get(receiver) ?? []), { alert, mark }]);
  }
  return Array.from(due, ([receiver, its]) => ({ receiver, due: its })).filter(({ receiver, due: its }) => {
    const lately = (sentMs.get(receiver) ?? []).filter((at) => nowMs - at < groupS * 1_000).length;
    return lately === 0 || (lately < CRITICAL_MAX && its.some(({ alert }) => alert.severity === 'critical'));
  });
}

const matches = ({ models, severities, kinds }: Route, alert: Alert): boolean =>
  (!models || (alert.model !== undefined && models.includes(alert.model))) &&
  (!kinds || kinds.some((kind) => alert.kind === kind || alert.kind.startsWith(`${kind}.`))) &&
  (!severities || severities.includes(alert.severity));

/** The route's, and those of each step of the escalation whose time has come: while it goes on and nobody took it on. */
function receiversOf({ to, escalate }: Route, alert: Alert, nowMs: number): [string, string][] {
  const sinceMs = nowMs - Date.parse(alert.firstAt);
  const told = (mark: string) => alert.told[mark] !== undefined;
  return [
    ...to.map((name): [string, string] => [name, name]),
    ...escalate.flatMap(({ afterS, to: behind }, step) =>
      behind
        .map((name): [string, string] => [name, `${name}#${step + 1}`])
        .filter(([, mark]) => (alert.overAt === undefined && sinceMs >= afterS * 1_000) || told(mark)),
    ),
  ];
}

function isDue(
  { told, overAt, lastAt, acknowledged }: Alert,
  mark: string,
  repeatMs: number,
  nowMs: number,
): boolean {
  const toldMs = told[mark] === undefined ? undefined : Date.parse(told[mark]);
  // That it is over is told to those who heard of it, whoever took it on.
  if (overAt !== undefined) return toldMs !== undefined && toldMs < Date.parse(overAt);
  if (acknowledged) return false;
  if (toldMs === undefined) return true;
  return !mark.includes('#') && Date.parse(lastAt) > toldMs && nowMs - toldMs >= repeatMs;
}

const isSilent = ({ silencedUntil }: Alert, nowMs: number): boolean =>
  silencedUntil !== undefined && Date.parse(silencedUntil) > nowMs;

const criticalOf = (alerts: readonly Alert[]): Set<string> =>
  new Set(
    alerts
      .filter(
        ({ severity, about, overAt }) => severity === 'critical' && about !== '' && overAt === undefined,
      )
      .map(({ about }) => about),
  );
