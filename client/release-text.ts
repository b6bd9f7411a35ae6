// Releases in words and tables, for people.
import { ENDED, type JournalEntry, type ReleaseRecord, type ReleasesReply } from '../contracts/release.js';
import { sharesText } from '../services/mesh/release/arms.js';
import { table } from './cli/table.js';

type Listed = ReleasesReply['releases'][number];

export function stateText(record: ReleaseRecord): string {
  const { id, endpoint, course, state, step, plan, last, deadlineAt, snapshot } = record;
  const steps = course.steps.length;
  const where = state === 'step' ? `${state} ${step + 1} of ${steps}` : state;
  const held = state === 'paused' && snapshot.context.held ? ` (${HELD[snapshot.context.held]})` : '';
  return table(
    ['release', id],
    [
      ['endpoint', endpoint],
      ['strategy', course.strategy],
      ['state', `${where}${held}`],
      ['traffic', sharesText(plan.arms)],
      ...(plan.shadow ? [['shadow', `${plan.shadow.share / 100} % copied to ${plan.shadow.arm}`]] : []),
      ['last', `${last.at.slice(0, 19)} ${last.by}: ${last.why}`],
      ...(deadlineAt !== undefined && !ENDED.has(state) ? [['until', deadlineAt.slice(0, 19)]] : []),
    ],
  );
}

const HELD = {
  person: 'somebody paused it; go on with massif release resume',
  gate: 'its gate is passed; go on with massif release promote',
  inconclusive: 'no verdict in time; massif release promote, resume or abort',
};

export const listTable = (releases: readonly Listed[]): string =>
  table(
    ['release', 'endpoint', 'strategy', 'state', 'traffic', 'owner', 'begun'],
    releases.map(({ id, endpoint, spec, state, plan, owner, createdAt }) => [
      id,
      endpoint,
      spec.strategy.type,
      state,
      sharesText(plan.arms),
      owner,
      createdAt.slice(0, 16).replace('T', ' '),
    ]),
  );

export const historyTable = (entries: readonly JournalEntry[]): string =>
  table(
    ['#', 'at', 'by', 'event', 'leads to', 'traffic', 'why'],
    entries.map(({ seq, at, by, event, to, step, plan, why }) => [
      seq,
      at.slice(11, 23),
      by,
      event.type,
      to === 'step' ? `step ${step + 1}` : to,
      sharesText(plan.arms),
      why.slice(0, 120),
    ]),
  );
