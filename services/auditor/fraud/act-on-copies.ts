// What is done about a key, or a tenant's keys together, whose queries look made to copy a version: people are told, and where the configuration says so the
// key is revoked, which gateways obey at once.
import { KeyId, KeyReply } from '../../../contracts/identity.js';
import type { ObservationReport } from '../../../contracts/observation.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../../mesh/bus.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { TellAudit } from '../../mesh/tell-audit.js';
import type { Trouble } from '../alerts/alert-desk.js';
import type { CopyFinding } from '../watch/watched-version.js';

export interface ActOnCopiesParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly tell: TellAudit;
  readonly raise: (trouble: Trouble) => void;
  readonly act: 'report' | 'revoke';
  readonly log: Log;
}

const ASK_MS = 2_000;

export function actOnCopies({ bus, tell, raise, act, log }: ActOnCopiesParts) {
  const revoke = async (id: string): Promise<boolean> => {
    try {
      await bus.request(subjects.identity('revoke'), KeyReply, { id }, { timeoutMs: ASK_MS });
      return true;
    } catch (error) {
      log.warn('extraction.not-revoked', { key: id, ...errorFields(error) });
      return false;
    }
  };
  return (
    { model, label, version }: Pick<ObservationReport, 'model' | 'label' | 'version'>,
    { name, evidence, queries }: CopyFinding,
  ): void => {
    const [kind, id = ''] = name.split(' ');
    const isKey = kind === 'key' && KeyId.safeParse(id).success;
    const why = `The ${name} asks ${model} ${label} what somebody asks who copies it: after ${queries} of its queries that were looked at.`;
    const told = (done: string) => {
      tell({
        who: 'auditor',
        action: 'model.copied',
        about: { model, version, caller: name, queries, done },
        outcome: 'done',
        why,
      });
      raise({
        kind: 'extraction',
        about: `${version} ${name}`,
        model,
        severity: 'warning',
        summary: why,
        evidence: {
          version,
          caller: name,
          queries: String(queries),
          evidence: evidence.toPrecision(3),
          done,
        },
        requestIds: [],
        next: isKey
          ? `Ask its owner; massif apikeys revoke ${id} ends the key, massif tenants sets its tenant a quota.`
          : 'Look at the keys of the tenant; massif tenants sets it a quota.',
        runbook: 'docs/detection.md#fraud',
      });
    };
    if (act === 'report' || !isKey) return told('told');
    void revoke(id).then((revoked) => told(revoked ? 'revoked' : 'told, the key could not be revoked'));
  };
}
