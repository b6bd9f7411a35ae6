// The states of a version and what moves it from one to the next. Pure: state and event in, state out. Who, when and why are added
// by moves.ts; that the state is that of the endpoints is seen to by settle.ts.
import { setup, transition } from 'xstate';
import type { VersionState } from '../../../contracts/lifecycle.js';

/** `SUBMIT` of an archived version: somebody pushes it again. */
export type VersionEvent = {
  readonly type: 'SUBMIT' | 'VERIFY' | 'STAGE' | 'SERVE' | 'WITHDRAW' | 'RETIRE' | 'ARCHIVE';
};

const machine = setup({ types: {} as { events: VersionEvent } }).createMachine({
  id: 'version',
  initial: 'submitted',
  states: {
    submitted: { on: { VERIFY: 'verified' } },
    verified: { on: { STAGE: 'staged', SERVE: 'live', ARCHIVE: 'archived' } },
    staged: { on: { SERVE: 'live', WITHDRAW: 'verified' } },
    live: { on: { RETIRE: 'deprecated' } },
    deprecated: { on: { SERVE: 'live', ARCHIVE: 'archived' } },
    archived: { on: { SUBMIT: 'submitted' } },
  },
});

/** Where the event leads; undefined when the state does not take it. */
export function movedVersion(from: VersionState, type: VersionEvent['type']): VersionState | undefined {
  const before = machine.resolveState({ value: from });
  if (!before.can({ type })) return undefined;
  const [after] = transition(machine, before, { type });
  return after.value;
}
