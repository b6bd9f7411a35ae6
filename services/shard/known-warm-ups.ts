// What engines of this host found out about versions, so that one that comes back is neither measured nor tried again: what warm-up measured, and
// which graphs of it have run. The loader asks before a load and tells what came of it.
import type { Digest } from '../../contracts/names.js';
import type { RememberedWarmUp, WarmUpReport } from './engine/warm-up.js';

interface Known {
  report: WarmUpReport;
  /** The longest unused first. */
  readonly graphs: Set<string>;
}

const VERSIONS_MAX = 4_096;
/** The signed one and the prepared one, with and without taps, and some that were there before. */
const GRAPHS_MAX = 8;

export class KnownWarmUps {
  private readonly known = new Map<Digest, Known>();

  /** `graph`: a name of what the session is made of. */
  of(version: Digest, graph: string): RememberedWarmUp | undefined {
    const known = this.known.get(version);
    return known && { report: known.report, ran: known.graphs.has(graph) };
  }

  loaded(version: Digest, graph: string, report: WarmUpReport): void {
    const { graphs } = this.known.get(version) ?? { graphs: new Set<string>() };
    graphs.delete(graph);
    graphs.add(graph);
    for (const oldest of graphs) if (graphs.size > GRAPHS_MAX) graphs.delete(oldest);
    this.known.delete(version);
    this.known.set(version, { report, graphs });
    for (const oldest of this.known.keys()) if (this.known.size > VERSIONS_MAX) this.known.delete(oldest);
  }
}
