// The plots of a report as SVG: what is left of the parent, the error of each rounded layer, and of a search the size and latency of every
// recipe with those that nothing beats. Pure.
import type { CompressReport } from '../../../contracts/compress-report.js';
import { box, label, line, picture, type Point } from '../../mesh/svg.js';

const [WIDTH, HEIGHT, MARGIN] = [420, 260, 36];
const [BLUE, ORANGE, GREY, PALE] = ['#2563eb', '#ea580c', '#9ca3af', '#e5e7eb'];
/** Of a search: the column of names. */
const NAMES_AT = WIDTH - 90;
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
  const points = shown.map(({ size, latency }): Point => [
    MARGIN + (size / right) * (NAMES_AT - 2 * MARGIN),
    HEIGHT - MARGIN - (latency / top) * (HEIGHT - 2 * MARGIN),
  ]);
  const heights = apart(points.map(([, y]) => y));
  return picture(WIDTH, HEIGHT, 'Size and latency of every recipe, of the parent', [
    ...axes(`size, up to ${right.toFixed(2)}`, top.toFixed(2), NAMES_AT - MARGIN),
    ...points.map(([x, y], i) =>
      line(
        [
          [x, y],
          [NAMES_AT - 3, heights[i] ?? y],
        ],
        PALE,
      ),
    ),
    ...shown.flatMap(({ name, pareto }, i) => {
      const [x = 0, y = 0] = points[i] ?? [];
      const colour = pareto ? ORANGE : GREY;
      return [box(x - 3, y - 3, 6, 6, colour), label(NAMES_AT, (heights[i] ?? y) + 4, name)];
    }),
  ]);
}

const NAME_HEIGHT = 13;

/** Heights of names in one column: each as near to its own as those above leave room for, none below the axis. */
function apart(heights: readonly number[]): number[] {
  const order = [...heights.keys()].sort((a, b) => (heights[a] ?? 0) - (heights[b] ?? 0));
  const found = [...heights];
  let free = 0;
  for (const i of order) free = (found[i] = Math.max(heights[i] ?? 0, free)) + NAME_HEIGHT;
  let lowest = HEIGHT - MARGIN;
  for (const i of order.toReversed()) lowest = (found[i] = Math.min(found[i] ?? 0, lowest)) - NAME_HEIGHT;
  return found;
}

const axes = (below: string, top: string, right = WIDTH - MARGIN): string[] => [
  line(
    [
      [MARGIN, MARGIN],
      [MARGIN, HEIGHT - MARGIN],
      [right, HEIGHT - MARGIN],
    ],
    GREY,
  ),
  label((MARGIN + right) / 2, HEIGHT - 8, below, 'middle'),
  label(MARGIN - 4, MARGIN + 4, top, 'end'),
];
