import { expect, test } from 'vitest';
import { failure } from '../../contracts/errors.js';
import { errorFields, jsonLog } from './log.js';
import { FakeClock } from './testing/fake-clock.js';

function lines() {
  const written: string[] = [];
  const log = jsonLog(new FakeClock(0), { instance: 'shard-1' }, (line) => written.push(line));
  return { log, last: () => JSON.parse(written.at(-1) ?? '{}') as Record<string, unknown>, written };
}

test('an event is one line of JSON with its time, its process and its fields', () => {
  const { log, written } = lines();
  log.warn('shard.lost', { shard: 'b', lastSeenMs: 3 });
  expect(written).toEqual([
    '{"at":"1970-01-01T00:00:00.000Z","level":"warn","event":"shard.lost","instance":"shard-1","shard":"b","lastSeenMs":3}\n',
  ]);
});

test('a child repeats its fields on every line', () => {
  const { log, last } = lines();
  log.child({ requestId: 'r1' }).info('request.done', { status: 200 });
  expect(last()).toMatchObject({ instance: 'shard-1', requestId: 'r1', status: 200 });
});

test('errors, big integers and circles can be logged', () => {
  const { log, last } = lines();
  log.error('a', { error: new Error('broken'), count: 7n });
  expect(last()).toMatchObject({ error: { name: 'Error', message: 'broken' }, count: '7' });
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  log.error('b', { circle });
  expect(last()).toMatchObject({ event: 'b', unprintable: expect.stringContaining('circular') });
});

test('a failure shows its code and its causes instead of a stack', () => {
  const cause = new Error('refused', { cause: new Error('no route') });
  expect(errorFields(failure('UNAVAILABLE', 'Away.', { shard: 'a' }, cause))).toEqual({
    name: 'Failure',
    message: 'Away.',
    code: 'UNAVAILABLE',
    shard: 'a',
    causes: ['Error: refused', 'Error: no route'],
  });
});
