// `massif links`: what lies between the regions, as declared and as measured from each side.
import { LinksReply } from '../../contracts/links.js';
import { subjects } from '../../contracts/subjects.js';
import type { Command, Invocation } from '../cli/command.js';
import { type Asked, everywhere } from '../cli/everywhere.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 5_000;

export const links: Command = {
  name: 'links',
  usage: 'links [--region NAME]',
  argumentsMax: 0,
  summary:
    'what lies between the regions: class, round trip, bandwidth, price, loss; measured where it can be',
  help: `  --region NAME   as this region sees it; as each region that can be reached does when absent
  Declared with MASSIF_LINKS, see docs/placement.md.`,
  options: { region: { type: 'string' } },
  async run(invocation: Invocation) {
    const asked = await askLinks(invocation);
    invocation.out.show(
      asked.map(({ region, reply, why }) => ({ region, ...reply, ...(why && { why }) })),
      () => [linksText(asked.flatMap(({ reply }) => reply ?? [])), ...asked.flatMap(silence)].join('\n'),
    );
    return asked.some(({ reply }) => reply) ? 0 : 1;
  },
};

export const askLinks = (invocation: Invocation): Promise<Asked<LinksReply>[]> =>
  everywhere(invocation, async (region) =>
    (await invocation.connections()).request(subjects.links(region), LinksReply, {}, TIMEOUT_MS),
  );

const silence = ({ region, why }: Asked<LinksReply>): string[] => (why ? [`${region}: ${why}`] : []);

export const linksText = (replies: readonly LinksReply[]): string =>
  table(
    ['from', 'to', 'class', 'ms', 'measured ms', 'Mbit/s', 'price/GB', 'loss %', 'probes'],
    replies.flatMap((reply) =>
      reply.links.map((link) => [
        link.from,
        link.to,
        link.declared ? link.class : `${link.class} (not declared)`,
        round(link.latencyMs),
        link.measuredMs === undefined ? '-' : round(link.measuredMs),
        link.mbitPerS,
        link.pricePerGb,
        round(100 * link.lossShare),
        `${link.answered} of ${link.answered + link.lost}`,
      ]),
    ),
  );

const round = (value: number): number => Number(value.toFixed(2));
