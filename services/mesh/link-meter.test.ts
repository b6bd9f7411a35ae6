import { expect, test } from 'vitest';
import { linksOf } from '../../contracts/links.js';
import { LinkMeter } from './link-meter.js';

/** A meter in `east` whose answers take so long, one after the other; undefined: none comes. */
function meter(tookMs: (number | undefined)[], declared: ConstructorParameters<typeof LinkMeter>[1] = []) {
  let nowMs = 0;
  const ask = () => {
    const ms = tookMs.shift();
    nowMs += ms ?? 2_000;
    return ms === undefined ? Promise.reject(new Error('no answer')) : Promise.resolve();
  };
  return new LinkMeter('east', declared, ask, () => nowMs);
}
const west = ['east', 'west'];

test('the shortest of the last round trips counts, and what was not answered is told', async () => {
  const probe = meter([9, 4, undefined, 7]);
  for (let i = 0; i < 4; i++) await probe.measure(west);
  expect(probe.links()).toEqual([{ between: ['east', 'west'], class: 'internet', latencyMs: 4 }]);
  expect(probe.record('west')).toEqual({ measuredMs: 4, answered: 3, lost: 1 });
  for (let i = 0; i < 40; i++) await probe.measure(west);
  expect(probe.record('west')).toEqual({ measuredMs: 4, answered: 0, lost: 32 });
});

test('a round trip that became longer is believed after the shorter ones are old', async () => {
  const probe = meter([4, ...Array.from({ length: 8 }, () => 30)]);
  for (let i = 0; i < 9; i++) await probe.measure(west);
  expect(probe.record('west').measuredMs).toBe(30);
});

test('a declared link keeps its class, and its round trip where the operator named one', async () => {
  const link = { between: ['west', 'east'] as [string, string], class: 'dedicated' as const };
  const [measured, named] = [meter([9], [link]), meter([9], [{ ...link, latencyMs: 3 }])];
  expect(measured.links()).toEqual([link]);
  for (const probe of [measured, named]) await probe.measure(west);
  expect(measured.links()).toEqual([{ ...link, latencyMs: 9 }]);
  expect(named.links()).toEqual([{ ...link, latencyMs: 3 }]);
});

test('both ends tell of a link, and the policies read it once, with the shorter round trip', () => {
  const figures = {
    class: 'internet',
    declared: false,
    mbitPerS: 200,
    pricePerGb: 0.08,
    lossShare: 0,
  } as const;
  const probes = { answered: 1, lost: 0 };
  const replies = [
    { region: 'east', links: [{ from: 'east', to: 'west', latencyMs: 12, ...figures, ...probes }] },
    { region: 'west', links: [{ from: 'west', to: 'east', latencyMs: 11, ...figures, ...probes }] },
  ];
  expect(linksOf(replies)).toEqual([
    {
      between: ['west', 'east'],
      class: 'internet',
      latencyMs: 11,
      mbitPerS: 200,
      pricePerGb: 0.08,
      lossShare: 0,
    },
  ]);
});
