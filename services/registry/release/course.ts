// Makes the course of a release from its spec: versions found, arms named, steps counted out for the endpoint as it is. Everything
// that cannot be honoured is refused here, with a sentence. Pure; apply asks it.
import { Analysis } from '../../../contracts/analysis.js';
import { failure } from '../../../contracts/errors.js';
import type { PlanArm, ReleaseCourse, ReleaseSpec } from '../../../contracts/release.js';
import { armOf, type EndpointRecord, type VersionRecord } from '../../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import { abCourse } from './course-ab.js';
import { canarySteps } from './course-canary.js';
import { rollingCourse } from './course-rolling.js';
import {
  armFor,
  BASELINE,
  CANARY,
  checkSum,
  type Course,
  type CourseInputs,
  incoming,
  NEXT,
  type Of,
  SHADOW,
  STABLE,
  usable,
} from './course-arms.js';

export function courseOf(spec: ReleaseSpec, inputs: CourseInputs): ReleaseCourse {
  const { strategy } = spec;
  if (strategy.type !== 'ab' && strategy.type !== 'immediate' && spec.to === undefined)
    throw failure('BAD_REQUEST', `The spec does not say which version comes: give "to".`);
  if (strategy.type === 'ab' && spec.to !== undefined)
    throw failure('BAD_REQUEST', 'In an A/B release the arms name their versions: leave out "to".');
  const initial = initialArms(inputs.endpoint);
  checkFrom(spec, initial, inputs);
  const course = byStrategy(spec, initial, inputs);
  const judged = judgedOf(spec, course);
  const whole: ReleaseCourse = {
    ...course,
    epochBefore: inputs.endpoint.epoch ?? 0,
    ...(judged && { judged }),
    resident: residentArms(spec, course, inputs),
  };
  checkRules(inputs.endpoint, whole);
  return whole;
}

/** Who is compared with whom. Refuses metrics that nobody could ever report for this strategy. */
function judgedOf({ strategy, analysis }: ReleaseSpec, course: Course): ReleaseCourse['judged'] {
  const metrics = analysis?.metrics ?? [];
  const nobody = (kind: string, why: string) =>
    failure('BAD_REQUEST', `Nobody would report the metric "${kind}": ${why}. Leave it out.`);
  switch (strategy.type) {
    case 'immediate':
    case 'blueGreen':
      if (analysis === undefined) return undefined;
      throw failure(
        'BAD_REQUEST',
        `A release of the type ${strategy.type} has at no time two arms to compare: leave out "analysis", or take a canary.`,
      );
    case 'shadow': {
      const other = metrics.find(({ kind }) => kind !== 'shadow');
      if (other) throw nobody(other.kind, 'the answers of a shadow reach no caller');
      return {
        analysis: analysis ?? Analysis.parse({ metrics: [{ kind: 'shadow' }] }),
        baseline: course.control,
        candidates: [SHADOW],
      };
    }
    case 'rolling':
    case 'canary':
    case 'ab': {
      if (metrics.some(({ kind }) => kind === 'shadow')) throw nobody('shadow', 'nothing is mirrored');
      if (strategy.type === 'rolling' && analysis === undefined) return undefined;
      const fresh = strategy.type === 'canary' && strategy.baseline === 'fresh';
      const candidates =
        strategy.type === 'ab'
          ? course.promoted.map(({ arm }) => arm).filter((arm) => arm !== course.control)
          : [strategy.type === 'canary' ? CANARY : NEXT];
      return {
        analysis: analysis ?? Analysis.parse({}),
        baseline: fresh ? BASELINE : course.control,
        candidates,
      };
    }
  }
}

function byStrategy(spec: ReleaseSpec, initial: PlanArm[], inputs: CourseInputs): Course {
  const { strategy } = spec;
  if (strategy.type === 'immediate') return immediateCourse(spec, strategy, initial, inputs);
  const stable = soleArm(initial, inputs.endpoint);
  if (strategy.type === 'ab') return abCourse(strategy, stable, initial, inputs);
  const target = incoming(inputs.resolve(spec.to ?? ''), stable, inputs);
  const kept = initial.filter((arm) => arm !== stable);
  const arms = (name: string, stableWeight: number, weight: number): PlanArm[] => [
    { ...stable, weight: stableWeight },
    ...kept.filter(({ version }) => version !== target.digest),
    armFor(target, name, weight),
  ];
  const base = {
    strategy: strategy.type,
    initial,
    resident: [],
    control: stable.arm,
    onInconclusive: 'abort' as const,
    keepOldMs: strategy.type === 'shadow' ? 0 : strategy.keepOldMs,
  };
  switch (strategy.type) {
    case 'rolling':
      return { ...base, ...rollingCourse(strategy, arms, stable, inputs, spec.analysis !== undefined) };
    case 'blueGreen':
      return {
        ...base,
        loading: arms(NEXT, WEIGHT_TOTAL, 0),
        steps:
          strategy.autoPromote && strategy.previewMs === 0
            ? []
            : [
                {
                  arms: arms(NEXT, WEIGHT_TOTAL, 0),
                  gate: strategy.autoPromote ? 'time' : 'person',
                  minMs: strategy.previewMs,
                  pauseAfter: false,
                },
              ],
        promoted: arms(NEXT, 0, WEIGHT_TOTAL),
      };
    case 'canary':
      return {
        ...base,
        loading: arms(CANARY, WEIGHT_TOTAL, 0),
        steps: canarySteps(strategy, arms, stable),
        promoted: arms(CANARY, 0, WEIGHT_TOTAL),
        onInconclusive: strategy.onInconclusive,
      };
    case 'shadow': {
      const loading = arms(SHADOW, WEIGHT_TOTAL, 0);
      const { share, minMs, maxMs } = strategy;
      return {
        ...base,
        loading,
        steps: [],
        promoted: loading,
        shadow: { arm: SHADOW, share, minMs, maxMs },
      };
    }
  }
}

function immediateCourse(
  spec: ReleaseSpec,
  strategy: Of<'immediate'>,
  initial: PlanArm[],
  inputs: CourseInputs,
): Course {
  if (strategy.variants.length > 0 && spec.to !== undefined)
    throw failure('BAD_REQUEST', 'Say what comes with "to" or with "variants", not with both.');
  const asked =
    strategy.variants.length > 0
      ? strategy.variants
      : [{ version: spec.to ?? '', weight: WEIGHT_TOTAL, arm: undefined }];
  if (asked.some(({ version }) => version === ''))
    throw failure('BAD_REQUEST', `The spec does not say which version comes: give "to".`);
  checkSum(asked);
  const targets = asked.map(({ version, weight, arm }) => {
    const record = usable(inputs.resolve(version), inputs.endpoint);
    return armFor(record, arm ?? nameFor(record, initial, asked.length), weight);
  });
  const sameArm = (one: PlanArm, others: readonly PlanArm[]) =>
    others.find(({ arm, version }) => arm === one.arm && version !== one.version);
  // A name has one version at a time: what comes in an old name loads under another, and what goes leaves under another.
  const coming = targets
    .filter(({ arm, version }) => !initial.some((one) => one.arm === arm && one.version === version))
    .map((one) => ({ ...one, arm: sameArm(one, initial) ? `${one.arm}-next` : one.arm, weight: 0 }));
  const going = initial
    .filter(({ arm, version }) => !targets.some((one) => one.arm === arm && one.version === version))
    .map((one) => ({ ...one, arm: sameArm(one, targets) ? `${one.arm}-old` : one.arm, weight: 0 }));
  return {
    strategy: 'immediate',
    initial,
    loading: [...initial, ...coming],
    steps: [],
    promoted: [...going, ...targets],
    resident: targets.filter(({ weight }) => weight === 0),
    control: initial.find(({ weight }) => weight > 0)?.arm ?? STABLE,
    onInconclusive: 'abort',
    keepOldMs: strategy.keepOldMs,
  };
}

/** The same version keeps its arm; a new one must not take the name of another that still serves. */
function nameFor(record: VersionRecord, initial: readonly PlanArm[], count: number): string {
  const same = initial.find(({ version }) => version === record.digest);
  if (same) return same.arm;
  return count === 1 ? NEXT : record.label;
}

/** What is served now, as arms. One named by its label alone gets a name that outlives the label, unless a rule knows it by that. */
function initialArms({ variants, rules = [], experiment, shadow, withoutUser }: EndpointRecord): PlanArm[] {
  const serving = variants.filter(({ weight }) => weight > 0);
  const fallback = typeof withoutUser === 'object' ? withoutUser.arm : undefined;
  const known = new Set([...rules.map(({ arm }) => arm), experiment?.control, shadow?.arm, fallback]);
  return variants.map((variant) => {
    const name = armOf(variant);
    const renamed =
      variant.arm === undefined && serving.length === 1 && variant === serving[0] && !known.has(name);
    return {
      arm: renamed ? STABLE : name,
      version: variant.version,
      label: variant.label,
      weight: variant.weight,
      replicas: {},
    };
  });
}

function soleArm(initial: readonly PlanArm[], endpoint: EndpointRecord): PlanArm {
  const serving = initial.filter(({ weight }) => weight > 0);
  const [sole] = serving;
  if (sole && serving.length === 1) return sole;
  throw failure(
    'BAD_REQUEST',
    `The endpoint "${endpoint.name}" splits its traffic among ${serving.length} arms: deploy one of them first.`,
  );
}

function checkFrom({ from }: ReleaseSpec, initial: readonly PlanArm[], inputs: CourseInputs): void {
  if (from === undefined) return;
  const { digest, label } = inputs.resolve(from);
  const serving = initial.filter(({ weight }) => weight > 0);
  if (serving.some(({ version }) => version === digest)) return;
  const labels = serving.map((arm) => arm.label).join(', ');
  throw failure(
    'BAD_REQUEST',
    `The spec begins from "${label}", but "${inputs.endpoint.name}" serves ${labels}: correct "from", or leave it out.`,
  );
}

/** A rule that names an arm which goes would refuse its callers from then on. Only the control's name is there at every moment. */
function checkRules(
  { name, rules = [], experiment, shadow, withoutUser }: EndpointRecord,
  course: ReleaseCourse,
): void {
  const stays = (arm: string): boolean =>
    arm === course.control || course.resident.some((one) => one.arm === arm);
  const lost = rules.find(({ arm }) => !stays(arm));
  const refuse = (what: string, arm: string, todo: string) =>
    failure(
      'BAD_REQUEST',
      `${what} of "${name}" names the arm "${arm}", which this release takes away: ${todo} first.`,
    );
  if (lost) throw refuse(`The rule "${lost.name}"`, lost.arm, 'change the rule');
  if (experiment && !stays(experiment.control))
    throw refuse('The experiment', experiment.control, 'end the experiment');
  if (typeof withoutUser === 'object' && !stays(withoutUser.arm))
    throw refuse('What a call without a user gets', withoutUser.arm, 'change that');
  if (shadow && (course.shadow || !stays(shadow.arm)))
    throw refuse('The shadow', shadow.arm, 'take the shadow away');
}

const RESIDENT_MAX = 8;

function residentArms({ resident }: ReleaseSpec, course: Course, inputs: CourseInputs): PlanArm[] {
  const wanted = new Map<string, VersionRecord>();
  for (const record of inputs.newest.slice(0, resident?.latest ?? 0)) wanted.set(record.digest, record);
  for (const word of resident?.versions ?? []) {
    const record = usable(inputs.resolve(word), inputs.endpoint);
    wanted.set(record.digest, record);
  }
  const named = [...wanted.values()].map((record) => armFor(record, record.label, 0));
  return [...course.resident, ...named].slice(0, RESIDENT_MAX);
}
