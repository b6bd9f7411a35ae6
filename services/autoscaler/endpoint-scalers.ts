// The scalers of all endpoints that are awake, or were lately enough to be known by their days: the autoscaler asks for one when it
// looks at an endpoint.
import { EndpointScaler, type Now } from './endpoint-scaler.js';
import type { WrittenForecast } from './policy/forecast.js';

interface Kept {
  readonly regions: Map<string, EndpointScaler>;
  lookedMs: number;
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

  /** Those that were awake most recently come last. */
  private readonly kept = new Map<string, Kept>();

  of(endpoint: string, region: string, nowMs: number): EndpointScaler {
    const kept = this.kept.get(endpoint) ?? { regions: new Map<string, EndpointScaler>(), lookedMs: nowMs };
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
    return [...this.kept]
      .filter(([, { lookedMs }]) => nowMs - lookedMs >= ASLEEP_EVERY_MS)
      .map(([name]) => name);
  }

  /** Forgets who is gone and, above the limit, who sleeps for longest. */
  tidy(endpoints: Pick<ReadonlySet<string>, 'has'>, awake: ReadonlySet<string>, keptMax = KEPT_MAX): void {
    const all = [...this.kept];
    for (const [name, kept] of all) {
      if (!endpoints.has(name)) this.kept.delete(name);
      else if (awake.has(name)) {
        this.kept.delete(name);
        this.kept.set(name, kept);
      }
    }
    for (const name of this.kept.keys()) {
      if (this.kept.size <= keptMax || awake.has(name)) break;
      this.kept.delete(name);
    }
  }
}
