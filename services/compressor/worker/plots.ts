// The plots of a report as SVG: what is left of the parent, the error of each rounded layer, and of a search the size and latency of every
// recipe with those that nothing beats. Pure.
import type { CompressReport } from '../../../contracts/compress-report.js';
import { box, label, line, picture, type Point } from '../../mesh/svg.js';

const [WIDTH, HEIGHT, MARGIN] = [420, 260, 36];
const [BLUE, ORANGE, GREY] = ['#2563eb', '#ea580c', '#9ca3af'];
const LAYERS_SHOWN = 60;

export function plotsOf(
  report: Pick<CompressReport, 'parent' | 'candidate' | 'layers' | 'trials'>,
): Record<string, string> {
  const rounded = report.layers.filter(({ error }) => error !== undefined);
  return {
    shares: sharesPlot(report),
    ...(rounded.length === 0 ? {} : { layers: layersPlot(rounded.slice(0, LAYERS_SHOWN)) }),
    ...(report.trials.length === 0 ? {} : { pareto: paretoPlot(report.trials) }),
  };
}

function sharesPlot({ parent, candidate }: Pick<CompressReport, 'parent' | 'candidate'>): string {
  const bars: [string, number][] = [
    ['bytes', candidate.bytes / parent.bytes],
    ['median', candidate.p50Ms / parent.p50Ms],
    ['99th percentile', candidate.p99Ms / parent.p99Ms],
    ['quality', parent.quality === 0 ? 0 : candidate.quality / parent.quality],
  ];
  const full = WIDTH - 150 - MARGIN;
  const longest = Math.max(1, ...bars.map(([, share]) => share));
  return picture(WIDTH, HEIGHT, 'What is left of the parent', [
    ...bars.flatMap(([name, share], i) => {
      const y = MARGIN + i * 48;
      return [
        label(100, y + 18, name, 'end'),
        box(110, y, (full * Math.max(0, share)) / longest, 26, BLUE),
        label(116 + (full * Math.max(0, share)) / longest, y + 18, share.toFixed(3)),
      ];
    }),
    line(
      [
        [110 + full / longest, MARGIN - 10],
        [110 + full / longest, HEIGHT - MARGIN],
      ],
      GREY,
    ),
    label(110 + full / longest, HEIGHT - 18, 'parent', 'middle', GREY),
  ]);
}

function layersPlot(layers: CompressReport['layers']): string {
  const highest = Math.max(1e-9, ...layers.map(({ error = 0 }) => error));
  const step = (WIDTH - 2 * MARGIN) / layers.length;
  const tall = HEIGHT - 2 * MARGIN;
  return picture(WIDTH, HEIGHT, 'Error of each rounded layer', [
    ...axes('layer, from input to output', highest.toPrecision(2)),
    ...layers.map(({ error = 0, form }, i) => {
      const high = (error / highest) * tall;
      return box(
        MARGIN + i * step,
        HEIGHT - MARGIN - high,
        Math.max(1, step - 1),
        high,
        form === 'int4' ? ORANGE : BLUE,
      );
    }),
  ]);
}

function paretoPlot(trials: CompressReport['trials']): string {
  const shown = trials.flatMap(({ name, size, latency, pareto }) =>
    size === undefined || latency === undefined ? [] : [{ name, size, latency, pareto }],
  );
  const [right, top] = [
    Math.max(1, ...shown.map(({ size }) => size)),
    Math.max(1, ...shown.map(({ latency }) => latency)),
  ];
  const at = (size: number, latency: number): Point => [
    MARGIN + (size / right) * (WIDTH - 2 * MARGIN - 60),
    HEIGHT - MARGIN - (latency / top) * (HEIGHT - 2 * MARGIN),
  ];
  const points = shown.map(({ size, latency }) => at(size, latency));
  const heights = namesApart(points);
  return picture(WIDTH, HEIGHT, 'Size and latency of every recipe, of the parent', [
    ...axes(`size, up to ${right.toFixed(2)}`, top.toFixed(2)),
    ...shown.flatMap(({ name, pareto }, i) => {
      const [x = 0, y = 0] = points[i] ?? [];
      return [box(x - 3, y - 3, 6, 6, pareto ? ORANGE : GREY), label(x + 6, (heights[i] ?? y) + 4, name)];
    }),
  ]);
}

const [NAME_WIDTH, NAME_HEIGHT] = [70, 12];

/** Recipes that round alike lie on each other: of names that would too, the lower goes below the higher. */
function namesApart(points: readonly Point[]): number[] {
  const placed: { readonly i: number; readonly x: number; readonly y: number }[] = [];
  for (const { i, x, y } of points.map(([x, y], i) => ({ i, x, y })).toSorted((a, b) => a.y - b.y)) {
    let free = y;
    for (const other of placed.toSorted((a, b) => a.y - b.y))
      if (Math.abs(other.x - x) < NAME_WIDTH && Math.abs(other.y - free) < NAME_HEIGHT)
        free = other.y + NAME_HEIGHT;
    placed.push({ i, x, y: free });
  }
  return placed.toSorted((a, b) => a.i - b.i).map(({ y }) => y);
}

const axes = (below: string, top: string): string[] => [
  line(
    [
      [MARGIN, MARGIN],
      [MARGIN, HEIGHT - MARGIN],
      [WIDTH - MARGIN, HEIGHT - MARGIN],
    ],
    GREY,
  ),
  label(WIDTH / 2, HEIGHT - 8, below, 'middle'),
  label(MARGIN - 4, MARGIN + 4, top, 'end'),
];
