// What became of each layer, from what the steps of a recipe say of themselves: rounding names formats and errors, thinning the
// channels that are left, pooling the sizes of maps. Pure; the report asks.
import { z } from 'zod';
import type { LayerChange } from '../../../contracts/compress-report.js';

const Rounded = z.object({
  layers: z.array(
    z.object({
      weight: z.string(),
      operator: z.string().optional(),
      form: z.string(),
      error: z.number().optional(),
      reason: z.string().optional(),
    }),
  ),
});
const Thinned = z.object({
  groups: z.array(z.object({ weights: z.array(z.string()), before: z.int(), after: z.int() })),
});
const Pooled = z.object({
  pools: z.array(z.object({ value: z.string(), kind: z.string(), from: z.string(), to: z.string() })),
});
/** More is no reading; the largest networks have thousands. */
const LAYERS_MAX = 2_000;

export function layerChanges(steps: readonly { readonly detail: unknown }[]): LayerChange[] {
  const changes = steps.flatMap(({ detail }): LayerChange[] => {
    const rounded = Rounded.safeParse(detail);
    if (rounded.success) return rounded.data.layers;
    const pooled = Pooled.safeParse(detail);
    if (pooled.success)
      return pooled.data.pools.map(({ value, kind, from, to }) => ({
        weight: value,
        form: `map ${from} to ${to}, ${kind}`,
      }));
    const thinned = Thinned.safeParse(detail);
    if (!thinned.success) return [];
    return thinned.data.groups.flatMap(({ weights, before, after }) =>
      weights.map((weight) => ({ weight, form: `${after} of ${before} channels` })),
    );
  });
  return changes.slice(0, LAYERS_MAX);
}
