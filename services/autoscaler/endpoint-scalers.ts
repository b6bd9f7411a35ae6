// The scalers of all endpoints that are awake, or were lately enough to be known by their days: the autoscaler asks for one when it
// looks at an endpoint.
import { EndpointScaler, type Now } from './endpoint-scaler.js';
import type { WrittenForecast } from './policy/forecast.js';

interface Kept {
  readonly regions: Map<string, EndpointScaler>;
  lookedMs: number;
  /** The last round in which it was awake. */
  awakeRound: number;
}

/** Each remembers ten minutes by the second and a day by the minute, some 30 KB. */
const KEPT_MAX = 1_000;
/** A sleeper is looked at so often, for what its forecast says. */
const ASLEEP_EVERY_MS = 5_000;

export class EndpointScalers {
  /** `recall`: what was kept of an endpoint's days. */
  constructor(
    private readonly recall: (endpoint: string, region: string) => WrittenForecast | undefined = () =>
      undefined,
  ) {}

  private readonly kept = new Map<string, Kept>();
  private round = 0;

  of(endpoint: string, region: string, nowMs: number): EndpointScaler {
    const kept = this.kept.get(endpoint) ?? { regions: new Map(), lookedMs: nowMs, awakeRound: this.round };
    kept.lookedMs = nowMs;
    this.kept.set(endpoint, kept);
    const scaler =
      kept.regions.get(region) ?? new EndpointScaler(region, nowMs, this.recall(endpoint, region));
    kept.regions.set(region, scaler);
    return scaler;
  }

  find(endpoint: string, region: string): EndpointScaler | undefined {
    return this.kept.get(endpoint)?.regions.get(region);
  }

  /** Minus infinity: never. */
  lookedMs(endpoint: string): number {
    return this.kept.get(endpoint)?.lookedMs ?? Number.NEGATIVE_INFINITY;
  }

  /** What all of them know of the days. */
  forecasts(now: Now): { endpoint: string; region: string; forecast: WrittenForecast }[] {
    return [...this.kept].flatMap(([endpoint, { regions }]) =>
      [...regions].flatMap(([region, scaler]) => {
        const forecast = scaler.forecast(now);
        return forecast ? [{ endpoint, region, forecast }] : [];
      }),
    );
  }

  /** Endpoints that nobody looked at for a while: it is time to see whether somebody is expected. */
  due(nowMs: number): string[] {
    const names: string[] = [];
    for (const [name, { lookedMs }] of this.kept) if (nowMs - lookedMs >= ASLEEP_EVERY_MS) names.push(name);
    return names;
  }

  /** Once a round: forgets who is gone and, above the limit, who sleeps for longest. */
  tidy(endpoints: Pick<ReadonlySet<string>, 'has'>, awake: ReadonlySet<string>, keptMax = KEPT_MAX): void {
    this.round++;
    for (const name of awake) {
      const kept = this.kept.get(name);
      if (kept) kept.awakeRound = this.round;
    }
    for (const name of this.kept.keys()) if (!endpoints.has(name)) this.kept.delete(name);
    const tooMany = this.kept.size - keptMax;
    if (tooMany <= 0) return;
    const asleep = [...this.kept].filter(([name]) => !awake.has(name));
    const first = asleep.toSorted(([, a], [, b]) => a.awakeRound - b.awakeRound).slice(0, tooMany);
    for (const [name] of first) this.kept.delete(name);
  }
}
