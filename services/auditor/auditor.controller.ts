// The auditor's subjects, one call each. Any auditor answers: all of them have the whole log.
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  AuditRead,
  type AuditReadReply,
  type CheckpointsReply,
  type ProveReply,
  ProveRequest,
} from '../../contracts/audit.js';
import { failure } from '../../contracts/errors.js';
import { type Alert, AlertAnswer, type AlertsReply } from '../../contracts/alert.js';
import { type WatchReply, WatchRequest } from '../../contracts/baseline-job.js';
import type { VerdictsReply } from '../../contracts/verdict.js';
import {
  type SamplesReply,
  SamplesRequest,
  type SamplingReply,
  SamplingRequest,
} from '../../contracts/sampling.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { verifierOf, openCheckpoint } from '../mesh/audit/note.js';
import { writeProof } from '../mesh/audit/proof.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import { AuditorParts } from './auditor.parts.js';

const shared: BusExtras = { queue: queues.auditor };
// A reply is one message.
const CHECKPOINTS_MAX = 2_000;
const ALERTS_MAX = 200;
const REPLY_BYTES_MAX = 768 * 1_024;

@Controller()
export class AuditorController {
  constructor(private readonly parts: AuditorParts) {}

  @MessagePattern(subjects.auditor('read'), shared)
  async read(@Payload({ schema: AuditRead }) { from, count }: AuditRead): Promise<AuditReadReply> {
    const { audit } = this.parts;
    let bytes = 0;
    const entries = (await audit.read(from, count)).filter((text, i) => {
      bytes += text.length;
      return i === 0 || bytes <= REPLY_BYTES_MAX;
    });
    return { size: audit.chain.size, entries };
  }

  @MessagePattern(subjects.auditor('checkpoints'), shared)
  async list(): Promise<CheckpointsReply> {
    const { checkpoints } = this.parts;
    await checkpoints.current();
    return {
      verifierKey: checkpoints.verifierKey,
      checkpoints: await checkpoints.all(CHECKPOINTS_MAX),
    };
  }

  @MessagePattern(subjects.auditor('verdicts'), shared)
  verdicts(): VerdictsReply {
    return this.parts.watches.list();
  }

  @MessagePattern(subjects.auditor('watch'), shared)
  async watch(@Payload({ schema: WatchRequest }) request: WatchRequest): Promise<WatchReply> {
    const { baselines, watches, probes } = this.parts;
    const made = await baselines.make(request);
    probes.forget(made.version);
    await watches.renew(made.version);
    return made;
  }

  @MessagePattern(subjects.auditor('alerts'), shared)
  listAlerts(): AlertsReply {
    return { alerts: this.parts.alerts.list().slice(0, ALERTS_MAX) };
  }

  @MessagePattern(subjects.auditor('acknowledge'), shared)
  acknowledge(@Payload({ schema: AlertAnswer }) answer: AlertAnswer): Alert {
    const alert = this.parts.alerts.answer(answer);
    const { silenceS, by, reason } = answer;
    this.parts.tell({
      who: by,
      action: silenceS === undefined ? 'alert.acknowledged' : 'alert.silenced',
      about: { alert: alert.id, kind: alert.kind, model: alert.model, seconds: silenceS },
      outcome: 'done',
      why: reason,
    });
    return alert;
  }

  @MessagePattern(subjects.auditor('sampling'), shared)
  sampling(@Payload({ schema: SamplingRequest }) request: SamplingRequest): Promise<SamplingReply> {
    return this.parts.samples.change(request);
  }

  @MessagePattern(subjects.auditor('samples'), shared)
  samples(@Payload({ schema: SamplesRequest }) request: SamplesRequest): Promise<SamplesReply> {
    return this.parts.samples.read(request);
  }

  @MessagePattern(subjects.auditor('prove'), shared)
  async prove(@Payload({ schema: ProveRequest }) { index }: ProveRequest): Promise<ProveReply> {
    const { audit, checkpoints, key } = this.parts;
    const note = await checkpoints.current();
    const [entry] = await audit.read(index, 1);
    if (entry === undefined || note === '')
      throw failure('NOT_FOUND', `The log has no entry ${index}; it has ${audit.chain.size}.`);
    const { size } = openCheckpoint(note, verifierOf(checkpoints.name, key));
    return { entry, proof: writeProof(index, audit.chain.tree.inclusion(index, size), note) };
  }
}
