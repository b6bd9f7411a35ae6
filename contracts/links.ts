// What a region knows of its links to the other regions: what an operator declared, and what its routers measure.
import { z } from 'zod';
import { Link, LinkClass } from './placement.js';
import { RegionName } from './names.js';

export const LinkReport = z.object({
  from: RegionName,
  to: RegionName,
  class: LinkClass,
  /** False: nobody declared it, and it counts as internet. */
  declared: z.boolean(),
  /** As it counts: declared, else measured, else what the class usually has. */
  latencyMs: z.number(),
  mbitPerS: z.number(),
  pricePerGb: z.number(),
  lossShare: z.number(),
  /** Shortest of the last round trips. */
  measuredMs: z.number().optional(),
  /** How many of the last probes were answered, and how many were not. */
  answered: z.int().min(0),
  lost: z.int().min(0),
});
export type LinkReport = z.infer<typeof LinkReport>;

export const LinksReply = z.object({ region: RegionName, links: z.array(LinkReport) });
export type LinksReply = z.infer<typeof LinksReply>;

/** As the placement policies read it; both ends tell of the same link, and the shorter round trip counts. */
export function linksOf(replies: readonly LinksReply[]): Link[] {
  const best = new Map<string, LinkReport>();
  for (const report of replies.flatMap(({ links }) => links)) {
    const key = [report.from, report.to].toSorted().join(' ');
    const known = best.get(key);
    if (!known || report.latencyMs < known.latencyMs) best.set(key, report);
  }
  return [...best.values()].map(({ from, to, class: kind, latencyMs, mbitPerS, pricePerGb, lossShare }) => ({
    between: [from, to],
    class: kind,
    latencyMs,
    mbitPerS,
    pricePerGb,
    lossShare,
  }));
}
