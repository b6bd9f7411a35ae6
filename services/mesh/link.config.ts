// MASSIF_LINKS: what an operator declares of the links between regions. Routers choose by it, the placement policies price by it.
import { z } from 'zod';
import { Link } from '../../contracts/placement.js';
import { type Environment, readEnv } from './service-config.js';

const FORM = 'must be links such as east:west:dedicated:22 with commas between them';

/** `east:west:dedicated:22:10000:0.02:0`: two regions, the class, and, where they are known, round trip in ms, Mbit/s, price a GB, loss. */
export function readLinks(text: string): Link[] | undefined {
  const links = text.split(',').map((one) => {
    const [from, to, kind, ...figures] = one.trim().split(':');
    const names = ['latencyMs', 'mbitPerS', 'pricePerGb', 'lossShare'];
    const known = Object.fromEntries(
      figures.flatMap((figure, i) => (figure === '' ? [] : [[names[i] ?? '', Number(figure)]])),
    );
    const parsed = Link.safeParse({ between: [from, to], class: kind, ...known });
    return from === to || figures.length > names.length || !parsed.success ? undefined : parsed.data;
  });
  return links.every((link) => link !== undefined) ? links : undefined;
}

const LinkEnvironment = z.object({
  MASSIF_LINKS: z
    .string()
    .transform((text, context) => {
      const links = readLinks(text);
      if (links) return links;
      context.addIssue(FORM);
      return z.NEVER;
    })
    .default([]),
});

export const readLinkConfig = (env: Environment = process.env): Link[] =>
  readEnv(LinkEnvironment, env).MASSIF_LINKS;
