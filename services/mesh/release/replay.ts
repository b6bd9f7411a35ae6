// Decides a release again from its journal alone and compares: the same events must lead to the same states and the same plans, the
// same counts to the same verdicts, and the chain must be whole. `massif release replay` runs it far from any mesh.
import type { JudgeInput, Verdict } from '../../../contracts/analysis.js';
import type { JournalEntry, Judged, ReleaseCourse, ReleaseSnapshot } from '../../../contracts/release.js';
import { planOf } from './advance.js';
import { hashOf, NOTHING_BEFORE } from './chain.js';
import { moved, START } from './machine.js';

export type Replayed =
  | { readonly same: true; readonly entries: number; readonly verdicts: number }
  | { readonly same: false; readonly seq: number; readonly difference: string };

/** `judge` of services/mesh/statistics. */
export type Judge = (input: JudgeInput) => Verdict;

export function replay(entries: readonly JournalEntry[], judge: Judge): Replayed {
  const [first] = entries;
  const course = first?.opened?.course;
  if (!first || !course) return differs(1, 'the first entry does not say what the release was to be');
  let snapshot: ReleaseSnapshot = START;
  let previous = NOTHING_BEFORE;
  let arms = course.initial;
  let verdicts = 0;
  for (const [index, entry] of entries.entries()) {
    const difference =
      chainDifference(entry, index, previous) ?? decisionDifference(course, snapshot, arms, entry);
    if (difference !== undefined) return differs(index + 1, difference);
    const verdict = entry.judged && verdictDifference(entry, entry.judged, judge);
    if (verdict !== undefined) return differs(entry.seq, verdict);
    if (entry.judged) verdicts++;
    snapshot = moved(course, snapshot, entry.event) ?? snapshot;
    previous = entry.hash;
    arms = entry.plan.arms;
  }
  return { same: true, entries: entries.length, verdicts };
}

function chainDifference(entry: JournalEntry, index: number, previous: string): string | undefined {
  const { hash, ...rest } = entry;
  if (entry.seq !== index + 1) return `entry ${index + 1} is missing, ${entry.seq} comes in its place`;
  if (entry.previous !== previous) return 'it does not follow the entry before it: the chain is broken';
  if (hashOf(rest) !== hash) return 'it was changed after it was written: its hash is another';
  return undefined;
}

function verdictDifference({ event }: JournalEntry, judged: Judged, judge: Judge): string | undefined {
  const again = judge(judged.input);
  if (again.codeVersion !== judged.verdict.codeVersion)
    return `it was judged by rules ${judged.verdict.codeVersion}, these are ${again.codeVersion}`;
  if (hashOf(again) !== hashOf(judged.verdict))
    return `the counts lead to "${again.verdict}", written is "${judged.verdict.verdict}", or to other numbers`;
  if (event.type === 'PASS' && again.verdict !== 'pass') return `it passed on a verdict of ${again.verdict}`;
  if (event.type === 'FAIL' && event.arm === undefined && again.verdict !== 'fail')
    return `it failed on a verdict of ${again.verdict}`;
  if (event.type === 'FAIL' && event.arm !== undefined && again.arms[event.arm] !== 'fail')
    return `the arm ${event.arm} failed on a verdict of ${again.arms[event.arm] ?? 'nothing'}`;
  return undefined;
}

function decisionDifference(
  course: ReleaseCourse,
  from: ReleaseSnapshot,
  before: JournalEntry['plan']['arms'],
  entry: JournalEntry,
): string | undefined {
  const snapshot = moved(course, from, entry.event);
  if (entry.from !== from.value) return `it says to leave ${entry.from}, the release was in ${from.value}`;
  if (!snapshot) return `${entry.event.type} is not taken in the state ${from.value}`;
  if (snapshot.value !== entry.to || snapshot.context.step !== entry.step)
    return `${entry.event.type} leads to ${snapshot.value} ${snapshot.context.step}, written is ${entry.to} ${entry.step}`;
  const plan = planOf(course, snapshot, entry.plan, before);
  return hashOf(plan) === hashOf(entry.plan)
    ? undefined
    : `the plan of ${entry.to} ${entry.step} is another than the one written`;
}

const differs = (seq: number, difference: string): Replayed => ({ same: false, seq, difference });
