// `massif alerts [ack|silence ID]`: what a person should know, how often it was seen, and who took it on.
import { userInfo } from 'node:os';
import { Alert, type AlertAnswer, AlertsReply } from '../../contracts/alert.js';
import { subjects } from '../../contracts/subjects.js';
import { argument, type Command, type Invocation, text, UsageError, wholeNumber } from '../cli/command.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 5_000;
const MINUTES = 60;

export const alerts: Command = {
  name: 'alerts',
  usage: 'alerts [list]  |  alerts ack ID  |  alerts silence ID [--minutes N] [--reason TEXT]',
  argumentsMax: 2,
  summary:
    'what a person should know: evidence, next step, runbook; acknowledge it, or silence it for a while',
  help: `  --minutes N   of silence (${MINUTES})
  --reason TEXT why, for the audit log
  --by NAME     who answers (else the user of this machine)`,
  options: { minutes: { type: 'string' }, by: { type: 'string' }, reason: { type: 'string' } },
  async run({ args, values, connections, out }: Invocation) {
    const [verb = 'list'] = args;
    const all = await connections();
    if (verb === 'list') {
      const reply = await all.request(subjects.auditor('alerts'), AlertsReply, {}, TIMEOUT_MS);
      return out.show(reply, () => listText(reply.alerts));
    }
    if (verb !== 'ack' && verb !== 'silence')
      throw new UsageError(`alerts knows list, ack and silence, got "${verb}"`);
    const answer: AlertAnswer = {
      id: argument(args, 1, 'ID'),
      by: text(values, 'by') ?? userInfo().username,
      reason: text(values, 'reason') ?? '',
      ...(verb === 'silence' && { silenceS: (wholeNumber(values, 'minutes') ?? MINUTES) * 60 }),
    };
    const alert = await all.request(subjects.auditor('acknowledge'), Alert, answer, TIMEOUT_MS);
    out.show(alert, () => listText([alert]));
  },
};

const listText = (list: readonly Alert[]): string =>
  list.length === 0
    ? 'No alerts.'
    : table(
        ['alert', 'severity', 'kind', 'since', 'times', 'what', 'next', 'runbook', 'state'],
        list.map(({ id, severity, kind, firstAt, times, summary, next, runbook, ...answered }) => [
          id,
          severity,
          kind,
          firstAt.slice(0, 19).replace('T', ' '),
          String(times),
          summary,
          next,
          runbook,
          stateOf(answered),
        ]),
      );

function stateOf({ overAt, acknowledged, silencedUntil }: Partial<Alert>): string {
  if (overAt !== undefined) return `over ${overAt.slice(11, 19)}`;
  if (acknowledged) return `taken on by ${acknowledged.by}`;
  return silencedUntil === undefined ? 'open' : `silent until ${silencedUntil}`;
}
