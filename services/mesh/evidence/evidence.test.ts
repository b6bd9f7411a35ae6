import { describe, expect, test } from 'vitest';
import { EvidenceReport } from '../../../contracts/evidence.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { EvidenceBook } from './book.js';
import { EvidenceCollector } from './collector.js';
import { FixedSet } from './fixed-set.js';
import { HashList, readHashes } from './hash-list.js';
import { BIN_COUNT, binOf, edgeMs } from './latency-bins.js';

const record = (weights: Record<string, number>, epoch = 1): EndpointRecord => ({
  name: 'digits',
  model: 'digits',
  variants: Object.entries(weights).map(([label, weight]) => ({ version: label, label, weight })),
  epoch,
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00.000Z',
});
const split = record({ stable: 9_000, canary: 1_000 });

/** A router of this name, and what it would publish. */
function source(life: string, known: () => EndpointRecord | undefined = () => split) {
  const book = new EvidenceBook(life, known);
  return {
    book,
    call: (arm: string, user?: string, failed = false, epoch = 1) =>
      book.called('digits', arm, epoch, user, failed ? 'failed' : undefined, 12),
    tell: (nowMs: number) =>
      book.reports('east', nowMs).map((report) => EvidenceReport.parse(JSON.parse(JSON.stringify(report)))),
  };
}

describe('the collector', () => {
  test('sums the sources, and counts a user once however many of them he met', () => {
    const [a, b] = [source('a'), source('b')];
    for (const { call } of [a, b]) for (let i = 0; i < 10; i++) call('canary', 'heavy', true);
    b.call('canary', 'other', true);
    a.call('stable');
    const collector = new EvidenceCollector();
    for (const report of [...a.tell(1_000), ...b.tell(1_000)]) collector.take(report, 1_000);
    const { arms } = collector.evidence('digits').epochs[0] ?? {};
    expect(arms?.['canary']).toMatchObject({
      weight: 1_000,
      requests: 21,
      failures: { failed: 21 },
      users: 2,
      failedUsers: 2,
      anonymous: 0,
    });
    expect(arms?.['stable']).toMatchObject({ requests: 1, anonymous: 1, latency: { count: 1 } });
  });

  test('a repeated report changes nothing, a lost one is made good by the next and is known to be lost', () => {
    const router = source('a');
    const collector = new EvidenceCollector();
    const told: EvidenceReport[] = [];
    for (let i = 0; i < 4; i++) {
      router.call('canary', `u${i}`, true);
      told.push(...router.tell(1_000 + 10 * i));
    }
    expect(told.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    const [first, , third, fourth] = told as [EvidenceReport, EvidenceReport, EvidenceReport, EvidenceReport];
    for (const report of [first, first, third, fourth, third]) collector.take(report, 1_000);
    const evidence = collector.evidence('digits');
    expect(evidence.lostReports).toBe(1);
    expect(evidence.epochs[0]?.arms['canary']?.requests).toBe(4);
    // The users of the lost report come back with the next whole one.
    expect(evidence.epochs[0]?.arms['canary']?.failedUsers).toBe(3);
    for (const report of router.tell(10_000)) collector.take(report, 10_000);
    expect(collector.evidence('digits').epochs[0]?.arms['canary']?.failedUsers).toBe(4);
  });

  test('a process that starts again is another source: nothing is counted twice and nothing is lost', () => {
    const collector = new EvidenceCollector();
    for (const life of ['first', 'second']) {
      const router = source(life);
      for (let i = 0; i < 5; i++) router.call('canary');
      for (const report of [...router.tell(1), ...router.tell(6_000)]) collector.take(report, 1);
    }
    expect(collector.evidence('digits').epochs[0]?.arms['canary']?.requests).toBe(10);
  });

  test('who begins to listen late hears all of it within five seconds', () => {
    const router = source('a');
    for (let i = 0; i < 100; i++) router.call('stable', `u${i}`);
    router.tell(0);
    const late = new EvidenceCollector();
    for (const report of router.tell(5_000)) late.take(report, 5_000);
    const evidence = late.evidence('digits');
    expect(evidence).toMatchObject({ lostReports: 0, epochs: [{ arms: { stable: { users: 100 } } }] });
  });

  test('who failed in an earlier epoch is no new failure in a later one', () => {
    let known = split;
    const router = source('a', () => known);
    const collector = new EvidenceCollector();
    router.call('canary', 'u', true);
    for (const report of router.tell(1)) collector.take(report, 1);
    known = record({ stable: 5_000, canary: 5_000 }, 2);
    router.call('canary', 'u', true, 2);
    router.call('canary', 'v', true, 2);
    for (const report of router.tell(2)) collector.take(report, 2);
    expect(collector.evidence('digits').epochs.map(({ arms }) => arms['canary']?.failedUsers)).toEqual([
      1, 1,
    ]);
    expect(collector.evidence('digits', 2).epochs.map(({ epoch }) => epoch)).toEqual([2]);
    collector.forget('digits');
    expect(collector.evidence('digits').epochs).toEqual([]);
  });
});

describe('the book', () => {
  test('says nothing of endpoints with one arm, of arms that are not there, and of calls that outlived their epoch', () => {
    const single = source('a', () => record({ stable: 10_000 }));
    single.call('stable');
    expect(single.tell(1)).toEqual([]);
    const router = source('b');
    router.call('canary', undefined, false, 0);
    expect(router.tell(1)).toEqual([]);
    router.call('nobody');
    expect(router.tell(2)[0]?.arms.map(({ requests }) => requests)).toEqual([0, 0]);
  });

  test('has something to say only when something was counted, and all of it every five seconds', () => {
    const router = source('a');
    router.call('canary', 'u');
    expect(router.tell(0)).toHaveLength(1);
    expect(router.tell(250)).toEqual([]);
    router.call('canary', 'u');
    const [more] = router.tell(500);
    expect(more).toMatchObject({ whole: false });
    expect(more?.arms[1]?.users).toBe('');
    const [whole] = router.tell(5_000);
    expect(readHashes(whole?.arms[1]?.users ?? '')).toHaveLength(1);
  });

  test('an epoch that is over is forgotten a minute after its last call', () => {
    let known = split;
    const router = source('a', () => known);
    router.call('canary');
    router.tell(0);
    known = record({ stable: 0, canary: 10_000 }, 2);
    router.call('canary');
    expect(router.tell(59_000)).toHaveLength(1);
    router.tell(120_000);
    expect(router.tell(180_000)).toEqual([]);
  });

  test('only the first call of a user counts for latency, so that who calls most does not decide', () => {
    const router = source('a');
    for (let i = 0; i < 50; i++) router.call('canary', 'u');
    for (let i = 0; i < 5; i++) router.call('canary');
    expect(router.tell(0)[0]?.arms[1]).toMatchObject({ requests: 55, latency: { count: 6 } });
  });

  test('the same word of the same caller counts once, and a seventeenth metric is refused', () => {
    const { book } = source('a');
    const say = (metric: string, unit = 'r1') => book.said('digits', 'canary', 1, metric, unit, 3);
    expect(say('rating')).toBe(true);
    expect(say('rating')).toBe(false);
    expect(say('rating', 'r2')).toBe(true);
    for (let i = 0; i < 15; i++) expect(say(`metric-${i}`)).toBe(true);
    expect(say('one-too-many')).toBeUndefined();
    expect(book.said('digits', 'nobody', 1, 'rating', 'r3', 3)).toBeUndefined();
  });
});

test('a set of hashes takes each once, grows, and ends at its limit', () => {
  const set = new FixedSet(1_000);
  let taken = 0;
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 2_000; i++) if (set.add(i * 2_654_435_761)) taken++;
  expect([taken, set.size, set.full]).toEqual([1_000, 1_000, true]);
});

test('hashes survive the way over the bus, and text of half a hash is none', () => {
  const list = new HashList();
  const hashes = Array.from({ length: 40 }, (_, i) => (i * 2_654_435_761) >>> 0);
  for (const hash of hashes) list.push(hash);
  expect(readHashes(list.text(0))).toEqual(hashes);
  expect(readHashes(list.text(38))).toEqual(hashes.slice(38));
  expect(list.text(40)).toBe('');
  expect(readHashes(btoa('abc'))).toBeUndefined();
});

test('each latency lies at or below the edge of its bin and above the edge before', () => {
  for (const ms of [0.05, 0.3, 1, 9.99, 10, 250, 59_999]) {
    expect(ms).toBeLessThanOrEqual(edgeMs(binOf(ms)) * (1 + 1e-12));
    expect(ms).toBeGreaterThan(edgeMs(binOf(ms) - 1));
  }
  expect([binOf(0), binOf(Number.NaN), binOf(1e12)]).toEqual([0, 0, BIN_COUNT - 1]);
});
