// The states of a release and what moves it from one to the next: one machine for all strategies, which differ in their course.
// Pure: snapshot and event in, snapshot out. No timers of its own, since those would not survive a restart (deadline.ts has the
// durable ones), and no effects: what routers and placer are to make true follows from the state (plan.ts).
import { and, assign, setup, transition } from 'xstate';
import type { ReleaseCourse, ReleaseEvent, ReleaseSnapshot } from '../../../contracts/release.js';

type Context = ReleaseSnapshot['context'];

/** Of the states and their meaning; a snapshot of another version is not taken for one of this. */
export const MACHINE_VERSION = 1;

export const START: ReleaseSnapshot = {
  version: MACHINE_VERSION,
  value: 'draft',
  context: { step: 0, out: [], doomed: false },
};

/** Where the event leads; undefined when the state does not take it. */
export function moved(
  course: ReleaseCourse,
  from: ReleaseSnapshot,
  event: ReleaseEvent,
): ReleaseSnapshot | undefined {
  const machine = releaseMachine(course);
  const before = machine.resolveState({ value: from.value, context: from.context });
  if (!before.can(event)) return undefined;
  const [after] = transition(machine, before, event);
  return { version: MACHINE_VERSION, value: after.value, context: after.context };
}

function releaseMachine(course: ReleaseCourse) {
  const gate = ({ step }: Context) => course.steps[step]?.gate;
  const names = (arm: string | undefined): boolean => course.promoted.some((one) => one.arm === arm);
  const challengersLeft = ({ out }: Context): number => course.promoted.length - 1 - out.length;

  return setup({
    types: {} as { context: Context; events: ReleaseEvent },
    guards: {
      hasShadow: () => course.shadow !== undefined,
      hasSteps: () => course.steps.length > 0,
      pausesAfter: ({ context }) => course.steps[context.step]?.pauseAfter === true,
      isLast: ({ context }) => context.step + 1 >= course.steps.length,
      isPlaced: ({ context }) => gate(context) === 'placed',
      isMeasured: ({ context }) => gate(context) === 'time' || gate(context) === 'analysis',
      mayHurry: ({ context }) => gate(context) !== 'placed' && course.strategy !== 'ab',
      namesWinner: ({ event }) => course.strategy === 'ab' && event.type === 'PROMOTE' && names(event.arm),
      /** One arm of several fails: the others go on. */
      leavesOthers: ({ context, event }) =>
        event.type === 'FAIL' &&
        event.arm !== undefined &&
        event.arm !== course.control &&
        !context.out.includes(event.arm) &&
        challengersLeft(context) > 1,
      holds: () => course.onInconclusive === 'hold',
      wasShadow: ({ context }) => context.pausedIn === 'shadow',
      wasStep: ({ context }) => context.pausedIn === 'step',
      mayGoOn: ({ context }) => context.pausedIn === 'step' && course.strategy !== 'ab',
      isDoomed: ({ context }) => context.doomed,
    },
    actions: {
      next: assign({ step: ({ context }) => context.step + 1 }),
      doom: assign({ doomed: true }),
      win: assign({ winner: ({ event }) => (event.type === 'PROMOTE' ? event.arm : undefined) }),
      takeOut: assign({
        out: ({ context, event }) =>
          event.type === 'FAIL' && event.arm !== undefined ? [...context.out, event.arm] : context.out,
      }),
      holdForPerson: assign({ held: 'person' }),
      holdAtGate: assign({ held: 'gate' }),
      holdUndecided: assign({ held: 'inconclusive' }),
      inShadow: assign({ pausedIn: 'shadow' }),
      inStep: assign({ pausedIn: 'step' }),
      nothing: () => undefined,
      goOn: assign({ held: undefined, pausedIn: undefined }),
    },
  }).createMachine({
    id: 'release',
    initial: 'draft',
    context: START.context,
    states: {
      draft: { on: { APPLY: 'loading' } },
      loading: {
        on: {
          LOADED: 'warming',
          DEADLINE: { target: 'aborting', actions: 'doom' },
          BROKEN: { target: 'aborting', actions: 'doom' },
          ABORT: 'aborting',
        },
      },
      warming: {
        on: {
          WARMED: 'self_test',
          DEADLINE: { target: 'aborting', actions: 'doom' },
          BROKEN: { target: 'aborting', actions: 'doom' },
          ABORT: 'aborting',
        },
      },
      self_test: {
        on: {
          TESTED: [
            { guard: 'hasShadow', target: 'shadow' },
            { guard: 'hasSteps', target: 'step' },
            { target: 'promoting' },
          ],
          DEADLINE: { target: 'aborting', actions: 'doom' },
          BROKEN: { target: 'aborting', actions: 'doom' },
          ABORT: 'aborting',
        },
      },
      shadow: {
        on: {
          LOOKED: { actions: 'nothing' },
          PASS: 'draining',
          INCONCLUSIVE: [
            { guard: 'holds', target: 'paused', actions: ['holdUndecided', 'inShadow'] },
            { target: 'aborting' },
          ],
          PAUSE: { target: 'paused', actions: ['holdForPerson', 'inShadow'] },
          FAIL: 'aborting',
          BROKEN: 'aborting',
          ABORT: 'aborting',
        },
      },
      step: {
        on: {
          LOOKED: { actions: 'nothing' },
          PLACED: [
            { guard: and(['isPlaced', 'isLast']), target: 'promoting' },
            { guard: 'isPlaced', target: 'step', reenter: true, actions: 'next' },
          ],
          PASS: [
            {
              guard: and(['isMeasured', 'pausesAfter']),
              target: 'paused',
              actions: ['holdAtGate', 'inStep'],
            },
            { guard: and(['isMeasured', 'isLast']), target: 'promoting' },
            { guard: 'isMeasured', target: 'step', reenter: true, actions: 'next' },
          ],
          PROMOTE: [
            { guard: 'namesWinner', target: 'promoting', actions: 'win' },
            { guard: and(['mayHurry', 'isLast']), target: 'promoting' },
            { guard: 'mayHurry', target: 'step', reenter: true, actions: 'next' },
          ],
          FAIL: [
            { guard: 'leavesOthers', target: 'step', reenter: true, actions: 'takeOut' },
            { target: 'aborting' },
          ],
          INCONCLUSIVE: [
            { guard: 'holds', target: 'paused', actions: ['holdUndecided', 'inStep'] },
            { target: 'aborting' },
          ],
          PAUSE: { target: 'paused', actions: ['holdForPerson', 'inStep'] },
          DEADLINE: 'aborting',
          BROKEN: 'aborting',
          ABORT: 'aborting',
        },
      },
      paused: {
        on: {
          LOOKED: { actions: 'nothing' },
          RESUME: [
            { guard: 'wasShadow', target: 'shadow', actions: 'goOn' },
            { guard: 'wasStep', target: 'step', actions: 'goOn' },
          ],
          PROMOTE: [
            { guard: 'namesWinner', target: 'promoting', actions: ['win', 'goOn'] },
            { guard: and(['mayGoOn', 'isLast']), target: 'promoting', actions: 'goOn' },
            { guard: 'mayGoOn', target: 'step', actions: ['next', 'goOn'] },
          ],
          FAIL: 'aborting',
          DEADLINE: 'aborting',
          BROKEN: 'aborting',
          ABORT: 'aborting',
        },
      },
      promoting: { on: { PLACED: 'draining', BROKEN: 'aborting', ABORT: 'aborting' } },
      draining: { on: { DRAINED: 'done', BROKEN: 'aborting', ABORT: 'aborting' } },
      aborting: {
        on: { DRAINED: [{ guard: 'isDoomed', target: 'failed' }, { target: 'rolled_back' }] },
      },
      done: { type: 'final' },
      rolled_back: { type: 'final' },
      failed: { type: 'final' },
    },
  });
}
