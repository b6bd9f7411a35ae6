import { expect, test } from 'vitest';
import { type Alert, AlertRoutes } from '../../../contracts/alert.js';
import { decideTellings } from './routing.js';

const at = (second: number): string => new Date(second * 1_000).toISOString();
const alert = (id: string, more: Partial<Alert> = {}): Alert => ({
  id,
  kind: 'verdict.suspicious',
  about: id,
  model: 'ocr',
  severity: 'warning',
  summary: 's',
  evidence: {},
  requestIds: [],
  next: 'n',
  runbook: 'r',
  firstAt: at(0),
  lastAt: at(0),
  times: 1,
  told: {},
  ...more,
});
const routes = AlertRoutes.parse({
  receivers: Object.fromEntries(
    ['team', 'boss', 'night'].map((name) => [name, { type: 'webhook', url: 'http://localhost/' }]),
  ),
  routes: [
    { models: ['ocr'], severities: ['critical'], to: ['night'] },
    {
      models: ['ocr'],
      to: ['team'],
      escalate: [
        { afterS: 600, to: ['boss'] },
        { afterS: 900, to: ['night'] },
      ],
    },
  ],
  groupS: 30,
  repeatS: 3_600,
});
const told = (alerts: Alert[], second: number, last = new Map<string, number[]>()) =>
  decideTellings(alerts, routes, last, second * 1_000).map(({ receiver, due }) => [
    receiver,
    due.map(({ alert: { id } }) => id).join(),
    due.map(({ mark }) => mark).join(),
  ]);

test('the first route that matches is told of all that is due together, once in the time of a group', () => {
  const alerts = [alert('a'), alert('b'), alert('c', { severity: 'critical' }), alert('d', { model: 'vad' })];
  expect(told(alerts, 1)).toEqual([
    ['team', 'a,b', 'team,team'],
    ['night', 'c', 'night'],
  ]);
  const asked = (times: number[]) =>
    new Map([
      ['team', [1_000]],
      ['night', times],
    ]);
  expect(told(alerts, 20, asked([1_000]))).toEqual([['night', 'c', 'night']]);
  expect(told(alerts, 20, asked([1_000, 2_000, 3_000]))).toEqual([]);
});

test('what nobody took on goes to those behind, step by step; taken on or silenced it goes to nobody', () => {
  const seen = { told: { team: at(1) } };
  expect(told([alert('a', seen)], 599)).toEqual([]);
  expect(told([alert('a', seen)], 601)).toEqual([['boss', 'a', 'boss#1']]);
  const once = { told: { team: at(1), 'boss#1': at(601) } };
  expect(told([alert('a', once)], 700)).toEqual([]);
  expect(told([alert('a', once)], 901)).toEqual([['night', 'a', 'night#2']]);
  expect(told([alert('a', { ...seen, acknowledged: { by: 'ada', at: at(5) } })], 601)).toEqual([]);
  expect(told([alert('a', { silencedUntil: at(1_000) })], 999)).toEqual([]);
  expect(told([alert('a', { silencedUntil: at(500) })], 501)).toEqual([['team', 'a', 'team']]);
});

test('a receiver that was away is told alone when it is back', () => {
  const both = AlertRoutes.parse({ ...routes, routes: [{ to: ['team', 'night'] }] });
  const due = decideTellings([alert('a', { told: { team: at(1) } })], both, new Map(), 40_000);
  expect(due.map(({ receiver }) => receiver)).toEqual(['night']);
});

test('what goes on is told again after a while, what does not is not', () => {
  const escalated = { told: { team: at(1), 'boss#1': at(2), 'night#2': at(3) } };
  expect(told([alert('a', { ...escalated, lastAt: at(4_000) })], 4_001)).toEqual([['team', 'a', 'team']]);
  expect(told([alert('a', { ...escalated, lastAt: at(0) })], 4_001)).toEqual([]);
});

test('that it is over is told once, to those who heard of it', () => {
  const over = alert('a', { told: { team: at(1), 'boss#1': at(601) }, overAt: at(700) });
  expect(told([over], 701)).toEqual([
    ['team', 'a', 'team'],
    ['boss', 'a', 'boss#1'],
  ]);
  expect(told([{ ...over, told: { team: at(701), 'boss#1': at(701) } }], 710)).toEqual([]);
  expect(told([alert('a', { overAt: at(2) })], 3)).toEqual([]);
});

test('a critical alert stands for the warnings about the same, until it is over', () => {
  const drift = alert('drift', { about: 'v1' });
  const kill = alert('kill', { about: 'v1', severity: 'critical', kind: 'verdict.abnormal' });
  expect(told([drift, kill], 1)).toEqual([['night', 'kill', 'night']]);
  expect(told([drift, { ...kill, overAt: at(1) }], 2)).toEqual([['team', 'drift', 'team']]);
});
