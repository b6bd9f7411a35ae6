// The links between regions as the planner takes them: what the routers of all regions measured, and what an operator declared where none
// answers. The placer asks for them again at every plan; a plan never waits for them.
import { linksOf, type LinksReply } from '../../contracts/links.js';
import type { Link } from '../../contracts/placement.js';

export class KnownLinks {
  private known: readonly Link[];
  private asking = false;

  constructor(
    private readonly regions: readonly string[],
    private readonly declared: readonly Link[],
    /** A router of the region; rejects when none answers. */
    private readonly ask: (region: string) => Promise<LinksReply>,
  ) {
    this.known = declared;
  }

  links(): readonly Link[] {
    return this.known;
  }

  async refresh(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const asked = await Promise.allSettled(this.regions.map((region) => this.ask(region)));
    const replies = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    const told = linksOf(replies);
    const isTold = ({ between: [a, b] }: Link): boolean =>
      told.some(({ between }) => between.includes(a) && between.includes(b));
    this.known = [...told, ...this.declared.filter((link) => !isTold(link))];
    this.asking = false;
  }
}
