import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { choosePreloads } from './preload.js';

const resident = (name: string, credit: number, more = {}) => ({
  name,
  credit,
  bytes: 1,
  leased: false,
  ...more,
});
const expected = (name: string, credit: number, bytes = 1) => ({ name, credit, bytes });
const room = (residentsMax: number, bytesMax = 100) => ({ residentsMax, bytesMax });

test('where there is room the dearest are loaded first, so many at once', () => {
  const soon = [expected('a', 1), expected('b', 3), expected('c', 2)];
  expect(choosePreloads(soon, [], room(5), 2)).toEqual({ wake: ['b', 'c'], sleep: [] });
  expect(choosePreloads(soon, [], room(5), 0)).toEqual({ wake: [], sleep: [] });
});

test('the cheapest leave, and nobody for one that is worth less or as much', () => {
  const here = [resident('cheap', 1), resident('dear', 5)];
  expect(choosePreloads([expected('a', 3)], here, room(2), 2)).toEqual({ wake: ['a'], sleep: ['cheap'] });
  expect(choosePreloads([expected('a', 1)], here, room(2), 2)).toEqual({ wake: [], sleep: [] });
  expect(choosePreloads([expected('a', 3), expected('b', 4)], here, room(2), 2)).toEqual({
    wake: ['b'],
    sleep: ['cheap'],
  });
});

test('who is in use stays, and one that is too large is passed over', () => {
  const here = [resident('used', 1, { leased: true, bytes: 50 }), resident('idle', 2, { bytes: 40 })];
  expect(choosePreloads([expected('large', 9, 60), expected('small', 3, 45)], here, room(9), 2)).toEqual({
    wake: ['small'],
    sleep: ['idle'],
  });
});

test('whatever there is, room is kept and nobody leaves for a cheaper one', () => {
  const random = seededRandom(7);
  const draw = (most: number) => Math.floor(random() * most);
  for (let round = 0; round < 500; round++) {
    const here = Array.from({ length: draw(8) }, (_, i) =>
      resident(`r${i}`, draw(20), { bytes: 1 + draw(9), leased: random() < 0.3 }),
    );
    const soon = Array.from({ length: draw(8) }, (_, i) => expected(`e${i}`, draw(20), 1 + draw(9)));
    const held = here.reduce((sum, { bytes }) => sum + bytes, 0);
    const limits = room(here.length + draw(3), held + draw(10));
    const { wake, sleep } = choosePreloads(soon, here, limits, 3);
    const woken = soon.filter(({ name }) => wake.includes(name));
    const left = here.filter(({ name }) => sleep.includes(name));
    expect(wake.length).toBeLessThanOrEqual(3);
    expect(left.some(({ leased }) => leased)).toBe(false);
    expect(here.length + wake.length - sleep.length).toBeLessThanOrEqual(limits.residentsMax);
    const bytes = [...woken, ...here].reduce((sum, one) => sum + one.bytes, 0);
    expect(bytes - left.reduce((sum, one) => sum + one.bytes, 0)).toBeLessThanOrEqual(limits.bytesMax);
    const dearestLeft = Math.max(...left.map(({ credit }) => credit), -1);
    expect(Math.max(...woken.map(({ credit }) => credit), -1)).toBeGreaterThanOrEqual(dearestLeft);
  }
});
