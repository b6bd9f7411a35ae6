import { expect, test } from 'vitest';
import { type Alert, AlertRoutes } from '../../../contracts/alert.js';
import { decideTellings } from './routing.js';

const at = (second: number): string => new Date(second * 1_000).toISOString();
const alert = (id: string, more: Partial<Alert> = {}): Alert => ({
  id,
  kind: 'verdict.suspicious',
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
  ...more,
});
const routes = AlertRoutes.parse({
  receivers: Object.fromEntries(
    ['team', 'boss', 'night'].map((name) => [name, { type: 'webhook', url: 'http://localhost/' }]),
  ),
  routes: [
    { models: ['ocr'], severities: ['critical'], to: ['night'] },
    { models: ['ocr'], to: ['team'], escalate: { afterS: 600, to: ['boss'] } },
  ],
  groupS: 30,
  repeatS: 3_600,
});
const told = (alerts: Alert[], second: number, last = new Map<string, number>()) =>
  decideTellings(alerts, routes, last, second * 1_000).map(({ receiver, alerts: its, escalated }) => [
    receiver,
    its.map(({ id }) => id).join(),
    [...escalated].join(),
  ]);

test('the first route that matches is told of all that is due together, once in the time of a group', () => {
  const alerts = [alert('a'), alert('b'), alert('c', { severity: 'critical' }), alert('d', { model: 'vad' })];
  expect(told(alerts, 1)).toEqual([
    ['team', 'a,b', ''],
    ['night', 'c', ''],
  ]);
  expect(
    told(
      alerts,
      20,
      new Map([
        ['team', 1_000],
        ['night', 1_000],
      ]),
    ),
  ).toEqual([]);
});

test('what nobody acknowledged in time goes to those behind; acknowledged or silenced it goes to nobody', () => {
  const seen = { notifiedAt: at(1) };
  expect(told([alert('a', seen)], 599)).toEqual([]);
  expect(told([alert('a', seen)], 601)).toEqual([['boss', 'a', 'a']]);
  expect(told([alert('a', { ...seen, escalated: true })], 700)).toEqual([]);
  expect(told([alert('a', { ...seen, acknowledged: { by: 'ada', at: at(5) } })], 601)).toEqual([]);
  expect(told([alert('a', { silencedUntil: at(1_000) })], 999)).toEqual([]);
  expect(told([alert('a', { silencedUntil: at(500) })], 501)).toEqual([['team', 'a', '']]);
});

test('what goes on is told again after a while, what does not is not', () => {
  const escalated = { notifiedAt: at(1), escalated: true };
  expect(told([alert('a', { ...escalated, lastAt: at(4_000) })], 4_001)).toEqual([['team', 'a', '']]);
  expect(told([alert('a', { ...escalated, lastAt: at(0) })], 4_001)).toEqual([]);
});
