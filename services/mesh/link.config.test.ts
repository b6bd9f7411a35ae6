import { expect, test } from 'vitest';
import { readLinkConfig, readLinks } from './link.config.js';

test('a link is two regions and a class, and as many figures as are known', () => {
  expect(readLinks('east:west:dedicated:22, west:north:wireless')).toEqual([
    { between: ['east', 'west'], class: 'dedicated', latencyMs: 22 },
    { between: ['west', 'north'], class: 'wireless' },
  ]);
  expect(readLinks('east:west:internet::500:0.05:0.002')).toEqual([
    { between: ['east', 'west'], class: 'internet', mbitPerS: 500, pricePerGb: 0.05, lossShare: 0.002 },
  ]);
});

test('what is no link ends the process with the form that it must have', () => {
  for (const wrong of [
    'east',
    'east:west:satellite',
    'east:east:dedicated',
    'east:west:dedicated:-1',
    'east:west:dedicated:x',
    'east:west:dedicated:1:0',
    'east:west:internet:1:1:1:1',
    'a:b:internet:1:1:1:0:9',
  ])
    expect(() => readLinkConfig({ MASSIF_LINKS: wrong }), wrong).toThrow(
      /MASSIF_LINKS must be links such as east:west:dedicated:22/,
    );
  expect(readLinkConfig({})).toEqual([]);
});
