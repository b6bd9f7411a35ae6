// Numbers that depend on a seed alone: first weights, test data, fixtures. The same on every machine.

export interface Seeded {
  /** Even over [0, 1). */
  uniform(): number;
  /** Gaussian, mean 0, deviation 1. */
  normal(): number;
  /** `count` gaussian numbers times `deviation`. */
  normals(count: number, deviation: number): Float32Array;
}

/** Mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty for weights. */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  // Box and Muller; 1 - u keeps the logarithm away from 0.
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    normal,
    normals: (count, deviation) => Float32Array.from({ length: count }, () => normal() * deviation),
  };
}
