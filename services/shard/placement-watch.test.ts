import { expect, test } from 'vitest';
import { silentLog } from '../mesh/log.js';
import { PlacementWatch } from './placement-watch.js';

const version = 'a'.repeat(64);
const taken: string[][] = [];
const watch = () => {
  taken.length = 0;
  return new PlacementWatch(
    'shard-east-1',
    silentLog,
    (versions) => void taken.push(versions.map(({ model }) => model)),
  );
};
const entry = (record: unknown, key = 'shard-east-1') => ({
  key,
  revision: 1,
  value:
    record === undefined
      ? undefined
      : Buffer.from(typeof record === 'string' ? record : JSON.stringify(record)),
});
const record = (epoch: number, ...models: string[]) => ({
  shard: 'shard-east-1',
  epoch,
  versions: models.map((model) => ({ model, version })),
});

test('the own record counts, those of other shards do not', () => {
  const { take } = watch();
  take(entry(record(1, 'ocr')));
  take(entry(record(9, 'vad'), 'shard-east-2'));
  take(entry(record(1)));
  expect(taken).toEqual([['ocr'], []]);
});

test('a placer that was replaced changes nothing', () => {
  const { take } = watch();
  take(entry(record(5, 'ocr')));
  take(entry(record(4)));
  take(entry(record(5, 'ocr', 'vad')));
  expect(taken).toEqual([['ocr'], ['ocr', 'vad']]);
});

test('a record that is gone or unreadable takes nothing down', () => {
  const { take } = watch();
  take(entry(record(5, 'ocr')));
  take(entry(undefined));
  take(entry('{"shard":'));
  take(entry({ shard: 'shard-east-1', epoch: 6, versions: 'none' }));
  expect(taken).toEqual([['ocr']]);
});
