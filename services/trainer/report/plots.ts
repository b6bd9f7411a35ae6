// The plots of a report: how the loss went; of classes what is mistaken for what, and whether a confidence means what it says; of a
// number what was said for what was given. Pure.
import type { ClassValidation, NumberValidation, TrainReport } from '../../../contracts/train-report.js';
import { box, label, line, picture, type Point } from '../../mesh/svg.js';

const [WIDTH, HEIGHT, MARGIN] = [420, 260, 36];
const [BLUE, ORANGE, GREY] = ['#2563eb', '#ea580c', '#9ca3af'];
const CONFUSION_CLASSES_SHOWN = 20;

export function plotsOf({
  history,
  validation,
}: Pick<TrainReport, 'history' | 'validation'>): Record<string, string> {
  if (validation.task === 'regression')
    return { loss: lossPlot(history), predictions: predictionsPlot(validation) };
  return {
    loss: lossPlot(history),
    calibration: calibrationPlot(validation),
    ...(validation.confusion === undefined || validation.classes.length > CONFUSION_CLASSES_SHOWN
      ? {}
      : {
          confusion: confusionPlot(
            validation.classes.map(({ name }) => name),
            validation.confusion,
          ),
        }),
  };
}

function lossPlot(history: TrainReport['history']): string {
  const highest = Math.max(...history.flatMap(({ loss, validationLoss }) => [loss, validationLoss]), 1e-9);
  const last = Math.max(1, history.length - 1);
  const place = (value: number, i: number): Point => [
    MARGIN + (i / last) * (WIDTH - 2 * MARGIN),
    HEIGHT - MARGIN - (value / highest) * (HEIGHT - 2 * MARGIN),
  ];
  return picture(WIDTH, HEIGHT, 'Loss by epoch', [
    ...frame('epoch', highest.toPrecision(2)),
    line(
      history.map(({ loss }, i) => place(loss, i)),
      BLUE,
    ),
    line(
      history.map(({ validationLoss }, i) => place(validationLoss, i)),
      ORANGE,
    ),
    label(WIDTH - MARGIN, 16, 'training', 'end', BLUE),
    label(WIDTH - MARGIN, 30, 'validation', 'end', ORANGE),
  ]);
}

function calibrationPlot({ bins, calibrationError }: ClassValidation): string {
  const size = HEIGHT - 2 * MARGIN;
  const all = bins.reduce((sum, { examples }) => sum + examples, 0);
  const at = (x: number, y: number): Point => [MARGIN + x * size, HEIGHT - MARGIN - y * size];
  const bars = bins.flatMap(({ examples, accuracy }, i) => {
    const [x, y] = at(i / bins.length, accuracy);
    return examples === 0 ? [] : [box(x + 1, y, size / bins.length - 2, HEIGHT - MARGIN - y, BLUE)];
  });
  return picture(WIDTH, HEIGHT, 'Accuracy by confidence', [
    ...frame('confidence', '1'),
    ...bars,
    line([at(0, 0), at(1, 1)], GREY),
    label(WIDTH - MARGIN, 16, `calibration error ${(100 * calibrationError).toFixed(1)} %`, 'end'),
    label(WIDTH - MARGIN, 30, `${all} examples`, 'end'),
  ]);
}

function confusionPlot(names: readonly string[], rows: readonly (readonly number[])[]): string {
  const cell = 26;
  const left = 12 + 7 * Math.max(...names.map((name) => Math.min(12, name.length)));
  const size = left + names.length * cell + 8;
  const shapes = rows.flatMap((row, y) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    const name = (names[y] ?? '').slice(0, 12);
    return [
      label(left - 6, left + y * cell + 17, name, 'end'),
      label(left + y * cell + cell / 2, left - 6, name.slice(0, 3), 'middle'),
      ...row.flatMap((count, x) => {
        const share = all === 0 ? 0 : count / all;
        const [atX, atY] = [left + x * cell, left + y * cell];
        const shade = Math.round(255 - 190 * share);
        const colour = x === y ? `rgb(${shade},${shade},255)` : `rgb(255,${shade},${shade})`;
        return [
          box(atX, atY, cell - 1, cell - 1, count === 0 ? '#f3f4f6' : colour),
          ...(count === 0 ? [] : [label(atX + cell / 2, atY + 17, String(count), 'middle')]),
        ];
      }),
    ];
  });
  return picture(size, size, 'Row: what it is, column: what the model says', shapes);
}

function predictionsPlot({ points, r2 }: NumberValidation): string {
  const all = points.flatMap(({ given, said }) => [given, said]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const span = high - low || 1;
  const size = HEIGHT - 2 * MARGIN;
  const at = (x: number, y: number): Point => [
    MARGIN + ((x - low) / span) * size,
    HEIGHT - MARGIN - ((y - low) / span) * size,
  ];
  const dots = points.map(({ given, said }) => {
    const [x, y] = at(given, said);
    return box(x - 1.5, y - 1.5, 3, 3, BLUE);
  });
  return picture(WIDTH, HEIGHT, 'Given and said', [
    ...frame(`given, from ${low.toPrecision(3)}`, high.toPrecision(3), low.toPrecision(3)),
    line([at(low, low), at(high, high)], GREY),
    ...dots,
    ...(r2 === undefined ? [] : [label(WIDTH - MARGIN, 16, `R2 ${r2.toFixed(3)}`, 'end')]),
  ]);
}

const frame = (below: string, top: string, bottom = '0'): string[] => [
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
  label(MARGIN - 4, HEIGHT - MARGIN, bottom, 'end'),
];
