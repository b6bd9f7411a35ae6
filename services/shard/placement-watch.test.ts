import { expect, test } from 'vitest';
import { silentLog } from '../mesh/log.js';
import { PlacementWatch } from './placement-watch.js';

const version = 'a'.repeat(64);
const taken: [string, ...string[]][] = [];
const watch = () => {
  taken.length = 0;
  return new PlacementWatch(
    'shard-east-1',
    silentLog,
    (part, versions) => void taken.push([part, ...versions.map(({ model }) => model)]),
  );
};
const entry = (record: unknown, key = 'shard-east-1.aa') => ({
  key,
  revision: 1,
  value:
    record === undefined
      ? undefined
      : Buffer.from(typeof record === 'string' ? record : JSON.stringify(record)),
});
const record = (epoch: number, ...models: string[]) => ({
  shard: 'shard-east-1',
  part: 'aa',
  epoch,
  versions: models.map((model) => ({ model, version })),
});

test('the own records count, those of other shards do not', () => {
  const { take } = watch();
  take(entry(record(1, 'ocr')));
  take(entry(record(9, 'vad'), 'shard-east-2.aa'));
  take(entry(record(9, 'vad'), 'shard-east-10.aa'));
  take(entry({ ...record(1, 'vad'), part: 'bb' }, 'shard-east-1.bb'));
  take(entry(record(1)));
  expect(taken).toEqual([['aa', 'ocr'], ['bb', 'vad'], ['aa']]);
});

test('a placer that was replaced changes nothing', () => {
  const { take } = watch();
  take(entry(record(5, 'ocr')));
  take(entry(record(4)));
  take(entry(record(5, 'ocr', 'vad')));
  expect(taken).toEqual([
    ['aa', 'ocr'],
    ['aa', 'ocr', 'vad'],
  ]);
});

test('a record that is gone or unreadable takes nothing down', () => {
  const { take } = watch();
  take(entry(record(5, 'ocr')));
  take(entry(undefined));
  take(entry('{"shard":'));
  take(entry({ shard: 'shard-east-1', epoch: 6, versions: 'none' }));
  expect(taken).toEqual([['aa', 'ocr']]);
});
