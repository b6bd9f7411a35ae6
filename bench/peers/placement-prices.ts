// What memory, busy time and movement are worth where the placement programme may also divide replicas: the dual values of its
// relaxation. Where the decomposition begins.
import { createRequire } from 'node:module';
import type { Setting } from '../../services/mesh/placement/setting.js';
import { boundProgramme, freeBusy, freeMemory, FREE_MOVED, MIB } from './placement-bound.js';

export interface ScarcityPrices {
  /** Of a byte, by centre. */
  readonly memory: Float64Array;
  /** Of a device all the time, by centre. */
  readonly busy: Float64Array;
  /** Of a request a second that moves. */
  readonly moved: number;
}

const loadHighs = createRequire(import.meta.url)('highs') as typeof import('highs').default;
const loading = loadHighs();

/** Undefined when the relaxation has no solution. */
export async function relaxedPrices(setting: Setting): Promise<ScarcityPrices | undefined> {
  const { text, variables } = boundProgramme(setting);
  const model = (await loading).createModel({ format: 'lp', data: text });
  try {
    model.options.set({ output_flag: false, solve_relaxation: true, time_limit: RELAXED_S });
    model.run();
    // 2: a feasible point.
    if (Number(model.info.get('dual_solution_status')) !== 2) return undefined;
    const { colDual } = model.getSolution();
    const byName = new Map(variables.map((name, column) => [name, Math.max(0, colDual[column] ?? 0)]));
    const price = (name: string): number => byName.get(name) ?? 0;
    return {
      memory: Float64Array.from(setting.centres, ({ index }) => price(freeMemory(index)) / MIB),
      busy: Float64Array.from(setting.centres, ({ index }) => price(freeBusy(index))),
      moved: price(FREE_MOVED),
    };
  } finally {
    model.dispose();
  }
}

const RELAXED_S = 10;
