import { expect, test } from 'vitest';
import { mayBegin, PushTurns } from './push-turns.js';

const MIB = 1_048_576;
const model = (digest: string, bytes = MIB) => [{ name: 'model.onnx', digest, bytes }];

test('small models are pushed side by side, six of them, and a large one when nobody else holds much', () => {
  const five = ['a', 'b', 'c', 'd', 'e'].map((digest) => model(digest));
  expect(mayBegin(model('f'), five)).toBe(true);
  expect(mayBegin(model('g'), [...five, model('f')])).toBe(false);
  expect(mayBegin(model('large', 63 * MIB), five)).toBe(false);
  expect(mayBegin(model('large', 63 * MIB), [model('a')])).toBe(true);
  expect(mayBegin(model('huge', 2_000 * MIB), [])).toBe(true);
  expect(mayBegin(model('a'), [model('huge', 2_000 * MIB)])).toBe(false);
  // Weights beside the graph are never held.
  expect(mayBegin([...model('b'), { name: 'weights', digest: 'w', bytes: 2_000 * MIB }], five.slice(2))).toBe(
    true,
  );
});

test('two with a file in common wait for each other, and nobody overtakes', async () => {
  const turns = new PushTurns();
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const push = (name: string, digest: string, bytes?: number) =>
    turns.run(model(digest, bytes), () => {
      begun.push(name);
      return new Promise<void>((resolve, reject) =>
        ends.set(name, (error) => (error ? reject(error) : resolve())),
      );
    });
  const first = push('first', 'same');
  const second = push('second', 'same');
  const third = push('third', 'other');
  await Promise.resolve();
  expect(begun).toEqual(['first']);
  ends.get('first')?.(new Error('refused'));
  await expect(first).rejects.toThrow('refused');
  await expect.poll(() => begun).toEqual(['first', 'second', 'third']);
  ends.get('second')?.();
  ends.get('third')?.();
  await Promise.all([second, third]);
});
