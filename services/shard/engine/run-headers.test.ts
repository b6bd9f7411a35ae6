import { headerBlock, headerLine } from '../../mesh/header-block.js';
import { expect, test } from 'vitest';
import { headers } from '../../../contracts/headers.js';
import { runHeaders } from './run-headers.js';

const written = (fields: Record<string, string>): string => {
  const lines = Object.entries(fields).map(([key, value]) => headerLine(key, value));
  const block = headerBlock(lines.join('')) as unknown as { encode(): Uint8Array };
  return new TextDecoder().decode(block.encode());
};

test('what a sender writes is read back', () => {
  const text = written({
    [headers.jsonLength]: '97',
    [headers.requestId]: 'a:b:c',
    [headers.reply]: '_INBOX.abc.1',
    [headers.timeoutMs]: '250',
    [headers.endpoint]: 'mnist',
    [headers.attempt]: '2',
    [headers.priority]: '7',
    [headers.arm]: '3.canary',
    [headers.body]: 'object=east/x',
    [headers.acceptBody]: 'chunks',
    [headers.plan]: '{"name":"p"}',
    [headers.hops]: 'shard-a_0123456789ab shard-b_0123456789ab',
    [headers.step]: '1',
    [headers.cache]: '60',
    [headers.once]: '1',
    [headers.shadow]: 'b',
  });
  expect(runHeaders(text)).toEqual({
    jsonLength: 97,
    requestId: 'a:b:c',
    arm: '3.canary',
    reply: '_INBOX.abc.1',
    timeoutMs: 250,
    endpoint: 'mnist',
    priority: 7,
    body: 'object=east/x',
    takesLarge: 'chunks',
    traceparent: '',
    caller: '',
    plan: '{"name":"p"}',
    hops: 'shard-a_0123456789ab shard-b_0123456789ab',
    step: 1,
    cacheS: 60,
    once: true,
    shadow: true,
  });
});

test('a message without headers has the default deadline and a body of JSON', () => {
  expect(runHeaders('')).toMatchObject({ jsonLength: undefined, timeoutMs: 10_000, reply: '' });
});

test('a deadline beyond the longest is cut, a nonsensical one refused by name', () => {
  expect(runHeaders(written({ [headers.timeoutMs]: '99999999999' })).timeoutMs).toBe(600_000);
  for (const value of ['soon', '-1', '1.5', '1e9', 'Infinity', '1'.repeat(16)])
    expect(() => runHeaders(written({ [headers.timeoutMs]: value }))).toThrow(/Massif-Timeout/);
});

test('lines without a colon, without a value or cut off are skipped', () => {
  const text = `NATS/1.0\r\nnonsense\r\n${headers.requestId}:x\r\n${headers.endpoint}:\r\nMassif-Rep`;
  expect(runHeaders(text)).toMatchObject({ requestId: 'x', endpoint: '', reply: '' });
});
