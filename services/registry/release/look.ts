// Decides what happens next with a release: the conductor asks several times a second. Pure: the record, what is seen of its replicas
// and the verdict on its arms in; an event with its reason out, or nothing.
import type { Judged, PlanArm, ReleaseRecord } from '../../../contracts/release.js';
import { sharesText } from '../../mesh/release/arms.js';
import { hashOf } from '../../mesh/release/chain.js';
import type { Decided } from '../../mesh/release/advance.js';
import type { Standing } from './standing.js';

export interface Seen {
  readonly nowMs: number;
  readonly standings: readonly Standing[];
  /** Endpoint and aliases are as the plan has them. */
  readonly carriedOut: boolean;
  /** On the arms of the present step; undefined where nothing is compared. */
  readonly judged?: Judged | undefined;
}

// A verdict that moves nothing is written down this often; every one that does is written anyway.
const LOOKED_EVERY_MS = 30_000;

const by = 'controller';

export function look(record: ReleaseRecord, seen: Seen): Decided | undefined {
  // Nothing is concluded from a plan that nobody follows yet.
  if (!seen.carriedOut) return undefined;
  return guarded(record, seen) ?? inState(record, seen);
}

function guarded(record: ReleaseRecord, { nowMs, standings }: Seen): Decided | undefined {
  const { state, spec } = record;
  // From here on it is being taken back, or only kept for the case.
  if (state === 'aborting' || state === 'draining') return undefined;
  const ageMs = nowMs - Date.parse(record.createdAt);
  if (ageMs >= spec.guards.totalMs)
    return decided(
      'BROKEN',
      `the release is ${Math.round(ageMs / 1_000)} s old, its guard totalMs is reached`,
    );
  if (state !== 'step' && state !== 'paused' && state !== 'shadow') return undefined;
  const coming = ofNew(record, standings);
  const wanted = coming.reduce((sum, one) => sum + one.wanted, 0);
  const ready = coming.reduce((sum, one) => sum + Math.min(one.ready, one.wanted), 0);
  if (wanted > 0 && ready * 10_000 < spec.guards.readyShareMin * wanted)
    return decided('BROKEN', `only ${ready} of ${wanted} replicas of the new version are ready`);
  return undefined;
}

function inState(record: ReleaseRecord, seen: Seen): Decided | undefined {
  const { state } = record;
  const { nowMs, standings } = seen;
  const over = record.deadlineAt !== undefined && nowMs >= Date.parse(record.deadlineAt);
  const coming = ofNew(record, standings);
  switch (state) {
    case 'loading':
      return (
        broken(coming) ??
        (all(coming, 'loaded') ? decided('LOADED', told(coming, 'loaded')) : late(over, coming, 'loaded'))
      );
    case 'warming':
      return (
        broken(coming) ??
        (all(coming, 'ready') ? decided('WARMED', told(coming, 'ready')) : late(over, coming, 'ready'))
      );
    case 'self_test':
      // Ready is said after the self-test; a second heartbeat confirms that it stayed so.
      return (
        broken(coming) ??
        (all(coming, 'confirmed')
          ? decided('TESTED', told(coming, 'confirmed'))
          : late(over, coming, 'confirmed'))
      );
    case 'shadow':
      return judgedStep(record, seen, over);
    case 'step':
      return inStep(record, seen, over);
    case 'paused':
      return (
        failing(record, seen.judged) ??
        (over ? decided('DEADLINE', 'nobody decided in time') : remembered(record, seen))
      );
    case 'promoting':
      return decided('PLACED', `every router is told: ${sharesText(record.plan.arms)}`);
    case 'draining':
      return over ? decided('DRAINED', 'the old version was kept for as long as the spec says') : undefined;
    case 'aborting':
      return over ? decided('DRAINED', 'the last requests of what was taken back had their time') : undefined;
    case 'draft':
    case 'done':
    case 'rolled_back':
    case 'failed':
      return undefined;
  }
}

function inStep(record: ReleaseRecord, seen: Seen, over: boolean): Decided | undefined {
  const step = record.course.steps[record.step];
  switch (step?.gate) {
    case 'placed': {
      const coming = ofNew(record, seen.standings);
      const surplus = seen.standings.find((one) => one.placed > one.wanted);
      const there = all(coming, 'confirmed') && !surplus;
      return (
        broken(coming) ??
        (there ? decided('PLACED', told(coming, 'confirmed')) : late(over, coming, 'confirmed'))
      );
    }
    case 'time':
      return over
        ? decided('PASS', `held for ${step.minMs} ms at ${sharesText(record.plan.arms)}`)
        : undefined;
    case 'analysis':
      return judgedStep(record, seen, over);
    case 'person':
    case undefined:
      return undefined;
  }
}

function judgedStep(record: ReleaseRecord, seen: Seen, over: boolean): Decided | undefined {
  const { judged, nowMs } = seen;
  const fails = failing(record, judged);
  if (fails) return fails;
  const minMs =
    record.state === 'shadow' ? record.course.shadow?.minMs : record.course.steps[record.step]?.minMs;
  const heldMs = nowMs - Date.parse(record.enteredAt);
  // Of an experiment a person names the winner, however clear it is.
  if (judged?.verdict.verdict === 'pass' && heldMs >= (minMs ?? 0) && record.course.strategy !== 'ab')
    return { ...decided('PASS', whyOf(judged, 'pass')), judged };
  if (over)
    return {
      ...decided(
        'INCONCLUSIVE',
        judged ? `no verdict in time: ${silence(judged)}${whyOf(judged, 'inconclusive')}` : 'no data in time',
      ),
      ...(judged && { judged }),
    };
  return remembered(record, seen);
}

function failing({ course, snapshot }: ReleaseRecord, judged: Judged | undefined): Decided | undefined {
  if (!judged) return undefined;
  const { verdict } = judged;
  if (course.strategy === 'ab') {
    const arm = Object.keys(verdict.arms).find(
      (name) => verdict.arms[name] === 'fail' && !snapshot.context.out.includes(name),
    );
    if (arm === undefined) return undefined;
    return { event: { type: 'FAIL', arm }, by, why: whyOf(judged, 'fail'), judged };
  }
  return verdict.verdict === 'fail' ? { ...decided('FAIL', whyOf(judged, 'fail')), judged } : undefined;
}

/** What the verdict remembers must outlive this process. */
function remembered(record: ReleaseRecord, { judged, nowMs }: Seen): Decided | undefined {
  if (!judged) return undefined;
  const news = hashOf(judged.verdict.memory) !== hashOf(record.memory ?? judged.input.memory);
  const due = nowMs - Date.parse(record.last.at) >= LOOKED_EVERY_MS;
  return news || due ? { ...decided('LOOKED', whyOf(judged, judged.verdict.verdict)), judged } : undefined;
}

const WHY_CHARACTERS_MAX = 1_500;

function whyOf({ verdict }: Judged, result: string): string {
  const own = verdict.checks.filter((check) => check.result === result);
  const told = (own.length > 0 ? own : verdict.checks).map(({ arm, name, why }) => `${arm} ${name}: ${why}`);
  // A guard and a gate that lack the same data say the same.
  return [...new Set(told)].join('; ').slice(0, WHY_CHARACTERS_MAX) || `verdict ${verdict.verdict}`;
}

/** What callers were to report and none of them did. */
function silence({ input: { analysis, evidence } }: Judged): string {
  const told = new Set(
    evidence.epochs.flatMap(({ arms }) =>
      Object.values(arms).flatMap(({ feedback }) => Object.keys(feedback)),
    ),
  );
  const silent = analysis.metrics.flatMap((one) =>
    one.kind === 'feedback' && !told.has(one.metric) ? [one.metric] : [],
  );
  if (silent.length === 0) return '';
  return `nobody reports ${silent.join(', ')} (POST /v2/feedback, massif.feedback or client.feedback()); `;
}

function broken(coming: readonly Standing[]): Decided | undefined {
  for (const { label, failed } of coming)
    for (const { shard, reason } of failed)
      return decided('BROKEN', `${label} failed on ${shard}: ${reason}`);
  return undefined;
}

type Count = 'loaded' | 'ready' | 'confirmed';

/** Without anybody there nothing is ready, however little is wanted. */
const all = (coming: readonly Standing[], count: Count): boolean =>
  coming.some(({ wanted }) => wanted > 0) && coming.every((one) => one[count] >= one.wanted);

function late(over: boolean, coming: readonly Standing[], count: Count): Decided | undefined {
  return over ? decided('DEADLINE', `not in time: ${told(coming, count)}`) : undefined;
}

const told = (coming: readonly Standing[], count: Count): string =>
  coming.length === 0
    ? 'no shard is heard'
    : coming
        .map((one) => {
          const room = one.placed < one.wanted ? ', no shard has room for more' : '';
          return `${one.label} ${one[count]} of ${one.wanted} ${count} in ${one.region}${room}`;
        })
        .join(', ');

/** Versions that the release brings; what serves already is no news. */
function ofNew({ course, plan }: ReleaseRecord, standings: readonly Standing[]): Standing[] {
  const old = new Set(course.initial.map(({ version }) => version));
  const mine = plan.arms.filter((arm: PlanArm) => !old.has(arm.version));
  // All of it was loaded before, as after a rollback: then what the plan has must be there.
  const asked = new Set((mine.length > 0 ? mine : plan.arms).map(({ version }) => version));
  return standings.filter(({ version }) => asked.has(version));
}

const decided = (type: Exclude<Decided['event']['type'], never>, why: string): Decided => ({
  event: { type } as Decided['event'],
  by,
  why,
});
