import { expect, test } from 'vitest';
import { pageOf } from './page.js';

test('pages hold every item once, in order, and one that is larger than a page has its own', () => {
  const all = ['d', 'a', 'c', 'b', 'e'].map((name) => ({ name, text: 'x'.repeat(name === 'c' ? 500 : 30) }));
  const seen: string[][] = [];
  for (let after: string | undefined, pages = 0; pages < 10; pages++) {
    const page = pageOf(
      all,
      ({ name }) => name,
      (item) => (item.name === 'b' ? undefined : item),
      after,
      130,
    );
    seen.push(page.items.map(({ name }) => name));
    if (page.next === undefined) break;
    after = page.next;
  }
  expect(seen).toEqual([['a'], ['c'], ['d', 'e']]);
});
