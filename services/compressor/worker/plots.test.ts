import { expect, test } from 'vitest';
import { plotsOf } from './plots.js';

const figures = { bytes: 100, p50Ms: 1, p99Ms: 1, perSecond: 1, quality: 1 };

test('names of recipes that lie on each other stand below each other', () => {
  const places = [
    ['int8', 0.259, 0.437],
    ['int8-entropy', 0.259, 0.469],
    ['fixed-point', 0.259, 0.437],
    ['float16', 0.8, 0.437],
  ] as const;
  const trials = places.map(([name, size, latency]) => ({
    name,
    size,
    latency,
    drop: 0,
    pareto: true,
    meets: true,
    recipe: { steps: [], budget: { drop: 0, latency: 1, size: 1 } },
  }));
  const parent = { ...figures, digest: 'a'.repeat(64), label: 'v1' };
  const { pareto = '' } = plotsOf({ parent, candidate: figures, layers: [], trials });
  const heightOf = (name: string) => Number(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`).exec(pareto)?.[1]);
  const near = ['int8-entropy', 'int8', 'fixed-point'].map(heightOf);
  for (const [i, height] of near.entries())
    if (i > 0) expect(height - (near[i - 1] ?? 0)).toBeGreaterThan(11);
  // A line leads from each name to its point, wherever the name had to go.
  const leads = [...pareto.matchAll(/points="[\d.]+,([\d.]+) [\d.]+,([\d.]+)"/g)].map(([, from, to]) => [
    Number(from),
    Number(to) + 4,
  ]);
  for (const [name, , latency] of places) {
    const [, height] = leads.find(([from = 0]) => Math.abs(from - (260 - 36 - 188 * latency)) < 0.1) ?? [];
    expect(height, name).toBeDefined();
    expect(leads.map(([, to = 0]) => to.toFixed(1))).toContain(heightOf(name).toFixed(1));
  }
});
