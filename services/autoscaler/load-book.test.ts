import { expect, test } from 'vitest';
import { noScheduling, noStatistics } from '../../contracts/statistics.js';
import { type Beat, LoadBook } from './load-book.js';

const replica = (more: Partial<Beat['replicas'][number]> = {}): Beat['replicas'][number] => ({
  id: 'r1',
  version: 'v'.repeat(64),
  state: 'ready',
  inFlight: 0,
  served: 0,
  failed: 0,
  latencyMs: 4,
  ...more,
});
const beat = (replicas: Beat['replicas'], more: Partial<Beat> = {}): Beat => ({
  shard: 's1',
  region: 'east',
  pid: 1,
  state: 'ready',
  device: { kind: 'cpu', cores: 1, memoryBytes: 2 ** 30 },
  replicas,
  ...more,
});
const versions = ['v'.repeat(64)];
const load = (book: LoadBook, nowMs: number) => book.sums(nowMs).load('e', versions, 'east');

test('what was answered before it listened is not counted, what comes after is', () => {
  const book = new LoadBook();
  book.heard(beat([replica({ served: 500 })]), 0);
  expect(load(book, 0).arrived).toBe(0);
  book.heard(beat([replica({ served: 503, failed: 1, inFlight: 2 })]), 500);
  expect(load(book, 500)).toMatchObject({ arrived: 6, inFlight: 2, ready: 1, shards: 1, itemMs: 4 });
});

test('a counter that began anew counts from zero, and a replica that came later from its beginning', () => {
  const book = new LoadBook();
  book.heard(beat([replica({ served: 10 })]), 0);
  book.heard(beat([replica({ served: 3 }), replica({ id: 'r2', served: 2 })]), 500);
  expect(load(book, 500).arrived).toBe(5);
});

test('who waits counts while somebody tells of it', () => {
  const book = new LoadBook();
  book.heard(beat([]), 0);
  book.waits({ source: 'a', region: 'east', endpoint: 'e', waiting: 3 }, 0);
  book.waits({ source: 'b', region: 'west', endpoint: 'e', waiting: 1 }, 0);
  expect(load(book, 100)).toMatchObject({ waiting: 3, arrived: 3 });
  expect(load(book, 2_000).waiting).toBe(0);
});

test('a curve is asked for once a replica is ready, and again when it ended requests', () => {
  const book = new LoadBook();
  const curve = [{ rows: 1, run_ms: 2 }];
  const told = { model: 'm', statistics: noStatistics, scheduling: noScheduling };
  const [version = ''] = versions;
  const other = 'w'.repeat(64);
  const loading = replica({ id: 'r2', version: other, state: 'loading' });
  book.heard(beat([replica(), loading]), 0);
  expect([...book.unlearned()]).toEqual([['s1', [version]]]);
  book.learned({ shard: 's1', region: 'east', replicas: [{ replica: 'r1', version, curve, ...told }] });
  expect(load(book, 0).curve).toEqual(curve);
  expect(book.unlearned().size).toBe(0);
  book.heard(beat([replica({ served: 1 }), { ...loading, state: 'ready' }]), 500);
  expect([...book.unlearned()]).toEqual([['s1', [version, other]]]);
});

test('another life of a shard has told no curve yet', () => {
  const book = new LoadBook();
  const [version = ''] = versions;
  const one = { replica: 'r1', model: 'm', version, curve: [] };
  book.heard(beat([replica()]), 0);
  book.learned({
    shard: 's1',
    region: 'east',
    replicas: [{ ...one, statistics: noStatistics, scheduling: noScheduling }],
  });
  expect(book.unlearned().size).toBe(0);
  book.heard(beat([replica()], { pid: 2 }), 500);
  expect([...book.unlearned()]).toEqual([['s1', [version]]]);
});

test('a silent shard holds nothing, and its region says since when', () => {
  const book = new LoadBook();
  book.heard(beat([replica({ inFlight: 3 })]), 0);
  expect(load(book, 6_000)).toMatchObject({ inFlight: 0, ready: 0, shards: 0, heardMs: 0 });
});

test('a version is called while it has work or answers, and for three beats after', () => {
  const book = new LoadBook();
  const [version = ''] = versions;
  book.heard(beat([replica({ served: 500 })]), 0);
  expect(book.sums(0).isCalled(version)).toBe(false);
  book.heard(beat([replica({ served: 500, inFlight: 1 })]), 500);
  book.heard(beat([replica({ served: 501 })]), 1_000);
  book.heard(beat([replica({ served: 501 })]), 1_500);
  book.forget(2_500);
  expect(book.sums(2_500).isCalled(version)).toBe(true);
  book.forget(2_600);
  expect(book.sums(2_600).isCalled(version)).toBe(false);
});
