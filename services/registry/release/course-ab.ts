// An experiment of several arms: their shares stand until a person names a winner or the horizon comes. Pure.
import { failure } from '../../../contracts/errors.js';
import type { PlanArm } from '../../../contracts/release.js';
import { armFor, checkSum, type Course, type CourseInputs, incoming, type Of } from './course-arms.js';

export function abCourse(
  strategy: Of<'ab'>,
  stable: PlanArm,
  initial: PlanArm[],
  inputs: CourseInputs,
): Course {
  checkSum(strategy.arms);
  const names = new Set<string>();
  const versions = new Set<string>();
  const arms = strategy.arms.map(({ name, version, weight }) => {
    const record = inputs.resolve(version);
    if (names.has(name)) throw failure('BAD_REQUEST', `The arm "${name}" is there twice.`);
    if (versions.has(record.digest))
      throw failure('BAD_REQUEST', `The version "${record.label}" is in two arms: nothing could come of it.`);
    names.add(name);
    versions.add(record.digest);
    if (weight === 0)
      throw failure('BAD_REQUEST', `The arm "${name}" has no traffic, so nothing would ever be known of it.`);
    return armFor(record, name, weight);
  });
  const control = arms.find(({ arm }) => arm === strategy.control);
  if (!control)
    throw failure(
      'BAD_REQUEST',
      `The control "${strategy.control}" is none of the arms ${[...names].join(', ')}.`,
    );
  if (control.version !== stable.version)
    throw failure(
      'BAD_REQUEST',
      `The control must be what the endpoint serves now, "${stable.label}"; "${control.arm}" is "${control.label}".`,
    );
  for (const { version } of arms)
    if (version !== stable.version) incoming(inputs.resolve(version), stable, inputs);
  // Before and after the experiment the control's arm goes by the name that it has in it.
  const named = initial.map((one) => (one === stable ? { ...one, arm: control.arm } : one));
  const kept = named.filter(({ arm, version }) => arm !== control.arm && !versions.has(version));
  return {
    strategy: 'ab',
    initial: named,
    loading: [...kept, ...arms.map((one) => ({ ...one, weight: one === control ? 10_000 : 0 }))],
    steps: [
      {
        arms: [...kept, ...arms],
        gate: 'analysis',
        minMs: 0,
        maxMs: strategy.horizonMs,
        pauseAfter: false,
      },
    ],
    promoted: arms,
    resident: [],
    control: control.arm,
    // A person decides, and may take some time for it.
    onInconclusive: 'hold',
    holdMs: strategy.holdMs,
    keepOldMs: strategy.keepOldMs,
  };
}
