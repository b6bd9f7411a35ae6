import { expect, test } from 'vitest';
import type { LinksReply } from '../../contracts/links.js';
import type { Link } from '../../contracts/placement.js';
import { KnownLinks } from './known-links.js';

const told = (from: string, to: string, latencyMs: number): LinksReply => ({
  region: from,
  links: [
    {
      from,
      to,
      latencyMs,
      class: 'internet',
      declared: false,
      mbitPerS: 200,
      pricePerGb: 0,
      lossShare: 0,
      answered: 1,
      lost: 0,
    },
  ],
});
const declared: Link[] = [{ between: ['east', 'mars'], class: 'wireless' }];

test('links are what routers of all regions measured, and what was declared where none answers', async () => {
  const replies: Record<string, LinksReply> = {
    west: told('west', 'mars', 9),
    mars: told('mars', 'west', 8),
  };
  const links = new KnownLinks(['east', 'west', 'mars'], declared, (region) => {
    const reply = replies[region];
    return reply ? Promise.resolve(reply) : Promise.reject(new Error('no router'));
  });
  expect(links.links()).toEqual(declared);
  await links.refresh();
  expect(links.links()).toMatchObject([{ between: ['mars', 'west'], latencyMs: 8 }, declared[0]]);
});
