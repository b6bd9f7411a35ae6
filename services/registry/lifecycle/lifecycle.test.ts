import { expect, test } from 'vitest';
import { MOVES_MAX, VERSION_STATES } from '../../../contracts/lifecycle.js';
import type { EndpointRecord, VersionRecord } from '../../../contracts/registry.js';
import type { ReleaseEvent, ReleaseRecord } from '../../../contracts/release.js';
import { seededRandom } from '../../mesh/random.js';
import { advance, opened } from '../../mesh/release/advance.js';
import { aliasesOf } from '../../mesh/release/alias-moves.js';
import { moved } from '../../mesh/release/machine.js';
import { courseOf } from '../release/course.js';
import { readSpec } from '../release/read-spec.js';
import { anEndpoint, aSubmission, aVersion, digestOf } from '../testing/records.js';
import { collectable, neededBy, versionsOf } from './collect.js';
import { movedVersion } from './machine.js';
import { admitted, recorded } from './moves.js';
import { dueMove, type Use, usesOf } from './settle.js';

const cause = { by: 'registry', why: 'because', atMs: 1_700_000_000_000 };
const use = (serves: boolean): Use => ({ serves, endpoint: 'ocr' });
const uses = [undefined, use(false), use(true)];

test('the states follow each other as they are told, and no other way', () => {
  const events = ['SUBMIT', 'VERIFY', 'STAGE', 'SERVE', 'WITHDRAW', 'RETIRE', 'ARCHIVE'] as const;
  const ways = VERSION_STATES.flatMap((from) =>
    events.flatMap((event) => {
      const to = movedVersion(from, event);
      return to === undefined ? [] : [`${from} ${event} ${to}`];
    }),
  );
  expect(ways).toEqual([
    'submitted VERIFY verified',
    'verified STAGE staged',
    'verified SERVE live',
    'verified ARCHIVE archived',
    'staged SERVE live',
    'staged WITHDRAW verified',
    'live RETIRE deprecated',
    'deprecated SERVE live',
    'deprecated ARCHIVE archived',
    'archived SUBMIT submitted',
  ]);
});

test('whatever state a version is found in, its due moves are taken by the machine and come to rest', () => {
  for (const from of VERSION_STATES)
    for (const now of uses) {
      let record = aVersion({ label: 'v1', state: from });
      for (let due = dueMove(from, now); due; due = dueMove(record.state, now)) {
        record = recorded(record, due.type, { ...cause, why: due.why });
        expect(record.moves.length).toBeLessThan(4);
      }
      if (from === 'submitted' || from === 'archived') expect(record.state).toBe(from);
      else expect(record.state === 'live').toBe(now?.serves === true);
    }
});

test('every move has who, when and why, and a version that comes and goes for years keeps the first and the newest', () => {
  const [on, off] = [dueMove('deprecated', use(true)), dueMove('live', undefined)];
  let record = {
    ...aVersion({ label: 'v1' }),
    ...admitted(aSubmission(aVersion({ label: 'v1' })), undefined, cause),
  };
  record = recorded(record, 'SERVE', cause);
  for (let turn = 0; turn < MOVES_MAX; turn++)
    for (const due of [off, on])
      if (due) record = recorded(record, due.type, { ...cause, why: `${due.why} ${turn}` });
  expect(record.moves).toHaveLength(MOVES_MAX);
  expect(record.moves[0]).toEqual({
    to: 'submitted',
    by: 'ada',
    at: '2025-01-01T00:00:00.000Z',
    why: 'pushed',
  });
  expect(record.moves.at(-1)).toEqual({
    to: 'live',
    by: 'registry',
    at: '2023-11-14T22:13:20.000Z',
    why: `the endpoint "ocr" serves it again ${MOVES_MAX - 1}`,
  });
});

test('an arm that a rule names serves, whatever its weight; one that is only loaded does not', () => {
  const endpoint = anEndpoint('ocr', { v1: 10_000, v2: 0, v3: 0 });
  const ruled: EndpointRecord = {
    ...endpoint,
    rules: [{ name: 'beta', match: { tenants: ['a'] }, arm: 'v2' }],
  };
  const found = usesOf([anEndpoint('other', { v1: 10_000 }), ruled]);
  expect(ruled.variants.map(({ version }) => found.get(version)?.serves)).toEqual([true, true, false]);
});

const FP32 = { name: 'x', datatype: 'FP32' as const, shape: [-1, 4], dims: ['n', ''] };
const labels = ['v1', 'v2', 'v3', 'v4'];
const versions = labels.map((label) => aVersion({ label, inputs: [FP32] }));
const strategies = [
  { type: 'immediate' },
  { type: 'rolling' },
  { type: 'blueGreen' },
  { type: 'canary', steps: [{ weight: 500 }, { weight: 5_000 }] },
  { type: 'shadow', share: 100 },
  {
    type: 'ab',
    arms: [
      { name: 'a', version: 'v1', weight: 4_000 },
      { name: 'b', version: 'v2', weight: 3_000 },
      { name: 'c', version: 'v3', weight: 3_000 },
    ],
    control: 'a',
    horizonMs: 1_000,
  },
];

function begun(strategy: (typeof strategies)[number]): { record: ReleaseRecord; endpoint: EndpointRecord } {
  const endpoint = anEndpoint('ocr', { v1: 10_000 }, 2);
  const spec = readSpec({
    endpoint: 'ocr',
    ...(strategy.type !== 'ab' && { to: 'v2' }),
    strategy,
    resident: { versions: ['v3'] },
    owner: 'ada',
  });
  const find = (word: string) => versions.find(({ label, digest }) => label === word || digest === word);
  const course = courseOf(spec, {
    endpoint,
    resolve: (word) => find(word) ?? aVersion({ label: word }),
    newest: versions,
    regions: ['east'],
  });
  const aliases = { stable: digestOf('ocr v1'), previous: digestOf('ocr v4') };
  const now = { atMs: cause.atMs, epoch: 1, code: 'test' };
  const record = opened({ id: 'ocr-1', model: 'ocr', spec, course: { ...course, aliases }, by: 'ada' }, now);
  return { record, endpoint };
}

test('whatever way a release goes, nothing that it serves, goes back to or keeps loaded is ever given up', () => {
  const random = seededRandom(11);
  const types = [
    'LOADED',
    'WARMED',
    'TESTED',
    'PLACED',
    'PASS',
    'FAIL',
    'DRAINED',
    'PROMOTE',
    'PAUSE',
    'ABORT',
  ] as const;
  // The worst case: everything is archived, and long ago.
  const archived = versions.map((version): VersionRecord => ({ ...version, state: 'archived' }));
  for (let history = 0; history < 90; history++) {
    let { record, endpoint } = begun(strategies[history % strategies.length] ?? { type: 'immediate' });
    const atStart = neededBy({ endpoints: [], aliases: [], releases: [record] });
    for (let i = 0; i < 20; i++) {
      endpoint = { ...endpoint, variants: record.plan.arms };
      const { stable = '', previous = '' } = aliasesOf(record) ?? record.course.aliases ?? {};
      const aliases = [stable, previous];
      const goesOn = !['done', 'failed', 'rolled_back'].includes(record.state);
      const needed = neededBy({ endpoints: [endpoint], aliases, releases: goesOn ? [record] : [] });
      const left = new Set(
        collectable(archived, needed, { nowMs: cause.atMs, afterMs: 0 }).map(({ digest }) => digest),
      );
      for (const { version } of endpoint.variants) expect(left.has(version)).toBe(false);
      for (const digest of aliases) expect(left.has(digest)).toBe(false);
      // While it goes on every version of every plan that may still come was known to be needed from the start.
      if (goesOn)
        for (const digest of versionsOf(record)) expect(left.has(digest) || !atStart.has(digest)).toBe(false);
      if (!goesOn) break;
      const type = types[Math.floor(random() * types.length)] ?? 'ABORT';
      const event = (type === 'PROMOTE' ? { type, arm: 'b' } : { type }) as ReleaseEvent;
      if (!moved(record.course, record.snapshot, event)) continue;
      const now = { atMs: cause.atMs, epoch: 1, code: 'test' };
      record = advance(record, { event, by: 'test', why: type }, now);
    }
  }
});

test('files go an hour after the version was archived, once, and never of one that is needed', () => {
  const put = (label: string, at: string): VersionRecord =>
    recorded(aVersion({ label, state: 'deprecated' }), 'ARCHIVE', { ...cause, atMs: Date.parse(at) });
  const early = put('v1', '2025-01-01T00:00:00.000Z');
  const late = put('v2', '2025-01-01T00:30:00.000Z');
  const when = { nowMs: Date.parse('2025-01-01T01:00:00.000Z'), afterMs: 3_600_000 };
  expect(collectable([early, late], new Set(), when)).toEqual([early]);
  expect(collectable([early, late], new Set([early.digest]), when)).toEqual([]);
  expect(collectable([{ ...early, collectedAt: '2025-01-01T01:00:00.000Z' }], new Set(), when)).toEqual([]);
});
