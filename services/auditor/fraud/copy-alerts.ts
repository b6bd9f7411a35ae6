// A version that was pushed with the weights of another model is an alert: the registry tells of it, this hears it.
import { AuditEvent } from '../../../contracts/audit.js';
import { ModelName } from '../../../contracts/names.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../../mesh/bus.js';
import type { Trouble } from '../alerts/alert-desk.js';

export function followCopies(bus: Pick<Bus, 'nc'>, raise: (trouble: Trouble) => void): { close(): void } {
  const subscription = bus.nc.subscribe(subjects.auditEvents(), {
    callback: (error, message) => {
      const event = error === null ? readEvent(message.string()) : undefined;
      if (event?.action === 'version.copy') raise(copyTrouble(event));
    },
  });
  return { close: () => subscription.unsubscribe() };
}

function copyTrouble({ about, outcome, why, who }: AuditEvent): Trouble {
  const [model, version, of] = ['model', 'version', 'of'].map((name) => String(about[name] ?? ''));
  const owners = ModelName.safeParse(of);
  return {
    kind: 'version.copy',
    about: String(version),
    // Its owners are those of the model that was copied.
    ...(owners.success && { model: owners.data }),
    severity: 'warning',
    summary: `${who} pushed ${model}: ${why}`.slice(0, 500),
    evidence: Object.fromEntries(Object.entries(about).map(([name, value]) => [name, String(value)])),
    requestIds: [],
    next:
      outcome === 'refused'
        ? `It was refused. Ask ${who} where the weights come from.`
        : `Ask ${who}; "copies": "refuse" in the trust policy keeps such versions out, revokedVersions takes this one out.`,
    runbook: 'deploy/runbooks/gate.md',
  };
}

function readEvent(text: string): AuditEvent | undefined {
  try {
    return AuditEvent.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
