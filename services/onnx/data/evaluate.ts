// Runs a trained model on examples that it does not learn from, and says how good it is. The training loop, reports and compression
// ask.
import type { Session, Tensors } from '../session.js';
import { floatValues } from '../tensor.js';
import type { ExampleFile } from './example-file.js';
import { inputTensor } from './feed.js';
import { Measured } from './measure.js';
import { MeasuredNumbers, type NumberLoss } from './measure-numbers.js';
import type { Prepared } from './prepared.js';
import { INPUT, outputOf } from './trained-names.js';

const BATCH = 256;

/** What figures mean. */
export interface Judging {
  readonly prepared: Pick<Prepared, 'classes' | 'target'>;
  /** Of a number that is learned. */
  readonly loss?: NumberLoss;
}

/** `weights`: of a model that takes them as inputs. */
export async function measure(
  session: Session,
  file: ExampleFile,
  { prepared, loss = 'squares' }: Judging,
  weights: Tensors = {},
): Promise<Measured | MeasuredNumbers> {
  const { classes, target } = prepared;
  const measured =
    target === undefined ? new Measured(classes) : new MeasuredNumbers(target, loss, file.count);
  const output = outputOf(prepared);
  for (const batch of file.batches(BATCH)) {
    const feeds = { [INPUT]: inputTensor(batch, file.layout), ...weights };
    const { [output]: answer } = await session.run(feeds, [output]);
    if (answer !== undefined) measured.add(floatValues(answer), batch.target);
  }
  return measured;
}
