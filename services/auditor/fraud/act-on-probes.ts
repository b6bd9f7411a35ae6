// What is done about replicas that answer challenge probes as another model would: their shards are ended in every region where other shards prove that the
// probes are right; else people are told. One alert for each shard, an entry in the audit log.
import type { TellAudit } from '../../mesh/tell-audit.js';
import type { Trouble } from '../alerts/alert-desk.js';
import type { StopOrders } from '../watch/stop-orders.js';
import type { ProbeFinding } from './decide-probes.js';
import { type ProbedVersion, shardOf } from './probe-desk.js';

export interface ActOnProbesParts {
  readonly stop: Pick<StopOrders, 'end'>;
  readonly tell: TellAudit;
  readonly raise: (trouble: Trouble) => void;
}

const RUNBOOK = 'deploy/runbooks/verdicts.md';

export function actOnProbes({ stop, tell, raise }: ActOnProbesParts) {
  const leaving = new AbortController();
  return async ({ model, label, version }: ProbedVersion, finding: ProbeFinding): Promise<void> => {
    for (const replica of finding.replicas) {
      const shard = shardOf(replica, version);
      const reason = `${shard} answers for ${model} ${label} as another model would: two probes were answered otherwise than by the registered bytes.`;
      const regions =
        finding.verdict === 'some' ? await stop.end({ kind: 'shard', shard }, reason, leaving.signal) : [];
      const act =
        finding.verdict === 'all'
          ? 'spared: no other replica shows that the probes are right'
          : regions.length > 0
            ? `killed and withheld in ${regions.join(', ')}`
            : 'spared: no region took the order';
      tell({
        who: 'auditor',
        action: 'shard.other-model',
        about: { model, version, replica, shard, act },
        outcome: regions.length > 0 ? 'done' : 'refused',
        why: reason,
      });
      raise({
        kind: 'probe.other-model',
        about: `${shard} ${version}`,
        model,
        severity: 'critical',
        summary: reason,
        evidence: { version, replica, shard, act, goodReplicas: String(finding.good) },
        requestIds: [],
        next:
          regions.length > 0
            ? `Look at the machine of ${shard} before massif override lift --shard ${shard}.`
            : `Compare what ${shard} answers with the registered model; massif override set --shard ${shard} --kill ends it.`,
        runbook: RUNBOOK,
      });
    }
  };
}
