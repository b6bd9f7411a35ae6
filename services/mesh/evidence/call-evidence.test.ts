import { expect, test } from 'vitest';
import type { ErrorCode } from '../../../contracts/errors.js';
import type { RoutedEndpoint } from '../routing/arm-choice.js';
import type { FlightEnd } from '../routing/replica-entry.js';
import { route } from '../routing/route.js';
import { EvidenceBook } from './book.js';
import { armTag, CallEvidence } from './call-evidence.js';

const split: RoutedEndpoint = {
  name: 'digits',
  model: 'digits',
  variants: [
    { version: 'a', label: 'stable', weight: 0 },
    { version: 'b', label: 'canary', weight: 10_000 },
  ],
  epoch: 7,
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00.000Z',
};

/** What the canary's arm reports of a call that goes as told. Nobody serves it: the route refuses, or `sent` says otherwise. */
function told(
  tell: (evidence: CallEvidence) => void,
  {
    endpoint = split,
    sent = true,
    version,
  }: { endpoint?: RoutedEndpoint; sent?: boolean; version?: string } = {},
) {
  const book = new EvidenceBook('life', () => endpoint);
  const table = { region: 'east', endpoint: () => endpoint, replicas: () => [] };
  const refused = route(table, { endpoint: 'digits', version }, () => 0.5);
  const decision = sent ? ({ ...refused, kind: 'replica' } as unknown as typeof refused) : refused;
  const evidence = CallEvidence.of(book, 'digits', undefined, decision);
  if (evidence) tell(evidence);
  return book.reports('east', 1)[0]?.arms.find(({ arm }) => arm === 'canary');
}

test('a canary that failed its first attempt has failed the call, though a retry elsewhere saved it', () => {
  const cases: [FlightEnd, ErrorCode, string][] = [
    ['failed', 'ENGINE_FAILED', 'failed'],
    ['timedOut', 'REPLICA_LOST', 'timedOut'],
    ['unreachable', 'REPLICA_LOST', 'lost'],
    ['abandoned', 'REPLICA_LOST', 'lost'],
  ];
  for (const [end, code, kind] of cases) {
    const arm = told((evidence) => {
      evidence.failed(end, code);
      evidence.over('OK', 30);
    });
    expect(arm).toMatchObject({ requests: 1, anonymousFailures: 1, failures: { [kind]: 1 } });
    expect(arm?.latency).toBeUndefined();
  }
});

test('an arm that has nobody to serve it has failed, whoever took the call in the end', () => {
  const arm = told((evidence) => evidence.over('OK', 30), { sent: false });
  expect(arm).toMatchObject({ failures: { unserved: 1 } });
});

test('a replica without room is no failure when another took the call, and one when nobody did', () => {
  const moved = told((evidence) => {
    evidence.failed('full', 'MAILBOX_FULL');
    evidence.over('OK', 5);
  });
  expect(moved).toMatchObject({ requests: 1, failures: {} });
  expect(told((evidence) => evidence.over('MAILBOX_FULL', 5))).toMatchObject({ failures: { full: 1 } });
});

test("the caller's own mistakes and a caller who went away are nobody's failure", () => {
  const mistaken = told((evidence) => evidence.over('TENSOR_MISMATCH', 1));
  expect(mistaken).toMatchObject({ requests: 1, failures: {} });
  expect(mistaken?.latency).toBeUndefined();
  expect(told((evidence) => evidence.over('UNAVAILABLE', 1))).toBeUndefined();
});

test('an answer that the engine sent home itself counts by its status', () => {
  expect(told((evidence) => evidence.answered(200, 12))).toMatchObject({
    failures: {},
    latency: { count: 1 },
  });
  expect(told((evidence) => evidence.answered(400, 12))).toMatchObject({ requests: 1, failures: {} });
  expect(told((evidence) => evidence.answered(500, 12))).toMatchObject({ failures: { failed: 1 } });
  expect(told((evidence) => evidence.answered(504, 12))).toMatchObject({ failures: { deadline: 1 } });
});

test('what the weights did not choose is no evidence: a version asked for by name, an order of safety in force', () => {
  const over = (evidence: CallEvidence) => evidence.over('OK', 1);
  expect(told(over, { version: 'canary' })).toBeUndefined();
  const withheld = { versions: new Map(), arms: new Map([['stable', 'order']]), all: false };
  expect(told(over, { endpoint: { ...split, withheld } })).toBeUndefined();
});

test('the tag that goes with an answer names epoch and arm', () => {
  const table = { region: 'east', endpoint: () => split, replicas: () => [] };
  expect(armTag(route(table, { endpoint: 'digits' }, () => 0.5))).toBe('7.canary');
  expect(armTag(route(table, { endpoint: 'digits', version: 'stable' }, () => 0.5))).toBeUndefined();
});
