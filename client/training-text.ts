// How a training job reads for people: where it is, and what came of it. Pure; the commands `train` and `jobs` print it.
import type { NumberValidation, TrainReport } from '../contracts/train-report.js';
import type { JobRecord } from '../contracts/trainer.js';
import { table } from './cli/table.js';

const percent = (share: number | undefined): string =>
  share === undefined ? '-' : `${(100 * share).toFixed(1)} %`;
const score = (accuracy: number | undefined, r2: number | undefined): string =>
  r2 === undefined ? percent(accuracy) : `R2 ${r2.toFixed(3)}`;
const numberText = (found: NumberValidation): string =>
  [
    `R2 ${found.r2?.toFixed(3) ?? '-'}`,
    `mean absolute error ${found.meanAbsoluteError.toPrecision(3)}`,
    `root mean square error ${found.rootMeanSquareError.toPrecision(3)}`,
    `largest ${found.largestError.toPrecision(3)}`,
  ].join(', ');
/** A table of a thousand classes is no reading. */
const CLASSES_SHOWN = 30;

export function progressLine({ id, state, progress, error, attempts }: JobRecord): string {
  const again = attempts > 1 ? `, attempt ${attempts}` : '';
  if (error !== undefined) return `${id} ${state}: ${error.message}`;
  if (progress === undefined) return `${id} ${state}${again}`;
  const { epoch, epochs, loss, validationAccuracy, validationR2, msLeft } = progress;
  const parts = [
    `epoch ${epoch} of ${epochs}`,
    ...(loss === undefined ? [] : [`loss ${loss.toPrecision(3)}`]),
    ...(validationAccuracy === undefined ? [] : [`validation ${percent(validationAccuracy)}`]),
    ...(validationR2 === undefined ? [] : [`validation R2 ${validationR2.toFixed(3)}`]),
    ...(msLeft === undefined || state !== 'working' ? [] : [`${Math.ceil(msLeft / 1_000)} s left`]),
  ];
  return `${id} ${state}${again}: ${parts.join(', ')}`;
}

export function resultText(record: JobRecord, report: TrainReport): string {
  const { validation, examples, trials, notes } = report;
  const classes = (validation.task === 'regression' ? [] : validation.classes)
    .slice(0, CLASSES_SHOWN)
    .map(({ name, precision, recall, examples: count }) => [
      name,
      percent(precision),
      percent(recall),
      count,
    ]);
  return [
    `${record.id}: ${validation.task === 'regression' ? numberText(validation) : `accuracy ${percent(validation.accuracy)}, calibration error ${percent(validation.calibrationError)}`} on ${validation.examples} examples of the ${report.measuredOn} part`,
    `${report.parameterCount} parameters, ${report.history.length} epochs on ${examples.train} examples in ${(report.trainedMs / 1_000).toFixed(1)} s, seed ${report.seed}`,
    ...(classes.length === 0 ? [] : [table(['class', 'precision', 'recall', 'examples'], classes)]),
    ...(trials.length === 0
      ? []
      : [
          table(
            ['tried', 'epochs', 'parameters', 'validation', 'test', 'ended'],
            trials.map((t) => [
              t.name,
              t.epochs,
              t.parameterCount,
              score(t.validationAccuracy, t.validationR2),
              score(t.testAccuracy, t.testR2),
              t.why ?? t.ended,
            ]),
          ),
        ]),
    ...notes,
  ].join('\n');
}
