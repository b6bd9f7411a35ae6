// Synthetic loads for the queue simulator: Poisson arrivals at a rate that may change with time, lognormal services.
import type { Random } from '../../mesh/random.js';
import type { Arrival } from './queue-simulator.js';

export interface Services {
  readonly meanMs: number;
  /** Coefficient of variation. */
  readonly cv: number;
}

/** `erlangs` at second t, at most `peak` (thinning, Lewis and Shedler 1979). */
export function poissonLoad(
  erlangs: (second: number) => number,
  peak: number,
  services: Services,
  seconds: number,
  random: Random,
): Arrival[] {
  const load: Arrival[] = [];
  const sigma = Math.sqrt(Math.log(1 + services.cv ** 2));
  for (let atMs = 0; ;) {
    atMs += (-Math.log(1 - random()) * services.meanMs) / peak;
    if (atMs >= seconds * 1_000) return load;
    if (random() * peak >= erlangs(atMs / 1_000)) continue;
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    load.push({ atMs, serviceMs: services.meanMs * Math.exp(sigma * normal - sigma ** 2 / 2) });
  }
}

const DAY_SECONDS = 86_400;

/** Erlangs of a week: nights at a quarter, days at their height in the afternoon, a weekend at half, and a mean of `mean`. */
export function weekly(mean: number): (second: number) => number {
  return (second) => {
    const day = Math.floor(second / DAY_SECONDS) % 7;
    const hour = (second % DAY_SECONDS) / 3_600;
    const tide = 0.625 - 0.375 * Math.cos((2 * Math.PI * (hour - 3)) / 24);
    return ((day >= 5 ? 0.5 : 1) * tide * mean) / 0.5357;
  };
}
