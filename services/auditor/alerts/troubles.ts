// What the auditor's findings are as alerts: in words, with the next step and a runbook.
import type { VerdictNotice } from '../../../contracts/verdict.js';
import type { Trouble } from './alert-desk.js';

const RUNBOOK = 'deploy/runbooks/verdicts.md';

export function verdictTrouble(notice: VerdictNotice): Trouble {
  const { model, label, version, judgement, requestIds, act, note } = notice;
  const { verdict, why, strongest, evidence } = judgement;
  const moved = strongest.map(({ stream, shift }) => `${stream} ${shift.toFixed(2)}`).join(', ');
  return {
    kind: `verdict.${verdict}`,
    about: version,
    model,
    severity: verdict === 'abnormal' ? 'critical' : 'warning',
    summary: `${model} ${label}: ${why}`,
    evidence: {
      version,
      act,
      ...(note !== '' && { note }),
      evidence: evidence.toPrecision(3),
      ...(moved !== '' && { moved }),
    },
    requestIds: [...requestIds],
    next:
      act === 'stopped'
        ? `Look at massif history ${model}; massif override lift takes the order back.`
        : `Look at massif verdicts ${model} and at the requests named; massif override set ends a version.`,
    runbook: RUNBOOK,
  };
}
