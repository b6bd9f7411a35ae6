// What the doors of the mesh count (`massif_request_seconds` of routers and gateways), read from their pages of metrics, as outcomes by endpoint since the
// last reading. Counters that went back are those of a process that began anew.
import type { Outcomes } from './outcome-history.js';

export const DOOR_SECONDS = 'massif_request_seconds';
const COUNT = `${DOOR_SECONDS}_count`;
const BUCKET = `${DOOR_SECONDS}_bucket`;
/** Sets of labels that are remembered; the doors have a bound of their own. */
const SERIES_MAX = 100_000;

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class DoorCounts {
  private readonly before = new Map<string, number>();
  private begun = false;

  /** `slowMs`: above it an answer of the endpoint is late; undefined where nobody minds. */
  constructor(private readonly slowMs: (endpoint: string) => number | undefined) {}

  /** The first reading tells nothing: what was counted before may be of any time. */
  read(pages: readonly string[]): Map<string, Outcomes> {
    const found = new Map<string, { total: number; bad: number; slow: number }>();
    const { begun } = this;
    this.begun = true;
    for (const { name, labels, value } of this.samplesOf(pages)) {
      const { endpoint = '', code = '' } = labels;
      if (endpoint === '') continue;
      const failed = Number(code) >= 500;
      const late = name === BUCKET && !failed && labels['le'] === edgeAbove(this.slowMs(endpoint));
      if (name === BUCKET && !late) continue;
      const grown = this.grown(`${name} ${JSON.stringify(labels)}`, value);
      if (!begun || grown === 0) continue;
      const sum = found.get(endpoint) ?? { total: 0, bad: 0, slow: 0 };
      found.set(endpoint, sum);
      const timed = this.slowMs(endpoint) !== undefined && !failed;
      if (name === BUCKET) sum.slow -= grown;
      else {
        sum.total += grown;
        if (failed) sum.bad += grown;
        else if (timed) sum.slow += grown;
      }
    }
    return found;
  }

  /** A page has fifteen buckets for each count: of them only those are read at which somebody's answers begin to be late. */
  private samplesOf(pages: readonly string[]): Sample[] {
    const lines = pages.flatMap((page) => page.split('\n'));
    const counts = lines.filter((line) => line.startsWith(COUNT)).flatMap(readSample);
    const edges = new Set(counts.map(({ labels }) => edgeAbove(this.slowMs(labels['endpoint'] ?? ''))));
    const isAsked = (line: string): boolean => line.startsWith(BUCKET) && edges.has(EDGE.exec(line)?.[1]);
    return [...counts, ...lines.filter(isAsked).flatMap(readSample)];
  }

  private grown(series: string, value: number): number {
    const before = this.before.get(series);
    if (before === undefined && this.before.size >= SERIES_MAX) return 0;
    this.before.set(series, value);
    return before === undefined || value < before ? value : value - before;
  }
}

/** Edges of the doors' histogram in seconds, as they stand on the page (services/mesh/telemetry.ts). */
const EDGES_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function edgeAbove(ms: number | undefined): string | undefined {
  const edge = ms === undefined ? undefined : EDGES_S.find((seconds) => seconds * 1_000 >= ms);
  return edge === undefined ? undefined : String(edge);
}

const LINE = /^(\w+)\{(.*)\} (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const EDGE = /le="([^"]*)"/;

function readSample(line: string): Sample[] {
  const [, name = '', labels = '', value = ''] = LINE.exec(line) ?? [];
  if (name === '' || !Number.isFinite(Number(value))) return [];
  const found = [...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text] as const);
  return [{ name, labels: Object.fromEntries(found), value: Number(value) }];
}
