import { expect, test } from 'vitest';
import { Ledger } from './ledger.js';

test('a request that nobody closed is counted as pending, not forgotten', () => {
  const ledger = new Ledger();
  ledger.open('a', 'client', 0);
  ledger.close(ledger.open('b', 'client', 0), 5, {});
  expect(ledger.account('client')).toMatchObject({ requests: 2, ok: 1, pending: 1 });
});

test('a failed request is charged to the kind of process whose kill it overlapped with', () => {
  const ledger = new Ledger();
  ledger.kills.push({ kind: 'router', name: 'router-east', atMs: 100, recoveredMs: 400 });
  ledger.close(ledger.open('during', 'nats', 90), 150, { code: 'DEADLINE' });
  ledger.close(ledger.open('before', 'nats', 10), 50, { code: 'DEADLINE' });
  expect(ledger.lossesByKind('nats')).toEqual({ router: 1, none: 1 });
});

test('an id that is used twice stops the drill', () => {
  const ledger = new Ledger();
  ledger.open('a', 'client', 0);
  expect(() => ledger.open('a', 'client', 1)).toThrow('given twice');
});
