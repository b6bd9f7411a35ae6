// Runs a model that is still learning on examples it does not learn from. Its weights are inputs of the session, so that no new
// session is made for every epoch. The training loop asks.
import { copyModel } from '../../onnx/extract.js';
import type { Graph } from '../../onnx/graph.js';
import { openSession, type Session, type Tensors } from '../../onnx/session.js';
import { floatValues } from '../../onnx/tensor.js';
import type { StateSlot } from '../../onnx/training/training-graph.js';
import { valueInfo } from '../../onnx/value-info.js';
import type { ExampleFile } from '../../onnx/data/example-file.js';
import type { Prepared } from '../../onnx/data/prepared.js';
import { INPUT } from '../graph/feature-graph.js';
import { outputOf } from '../graph/first-model.js';
import { inputTensor } from '../../onnx/data/feed.js';
import { Measured } from '../../onnx/data/measure.js';
import { MeasuredNumbers, type NumberLoss } from '../../onnx/data/measure-numbers.js';

const BATCH = 256;

/** What figures mean. */
export interface Judging {
  readonly prepared: Pick<Prepared, 'classes' | 'target'>;
  /** Of a number that is learned. */
  readonly loss?: NumberLoss;
}

export class Evaluation implements AsyncDisposable {
  private constructor(
    private readonly session: Session,
    private readonly slots: readonly StateSlot[],
    private readonly judging: Judging,
  ) {}

  static async open(
    forward: Graph,
    state: readonly StateSlot[],
    { threads, ...judging }: Judging & { readonly threads: number },
  ): Promise<Evaluation> {
    const slots = state.filter(({ parameter }) => parameter !== undefined);
    const graph = copyModel(forward);
    for (const { parameter = '', initial } of slots) {
      graph.removeConstants([parameter]);
      graph.proto.input.push(valueInfo(parameter, initial.dataType, initial.dims));
    }
    return new Evaluation(await openSession(graph.write(), { threads, spinning: false }), slots, judging);
  }

  /** `state` is that of a checkpoint. */
  async measure(file: ExampleFile, state: Tensors): Promise<Measured | MeasuredNumbers> {
    const weights = Object.fromEntries(
      this.slots.flatMap(({ parameter = '', input }) => {
        const tensor = state[input];
        return tensor === undefined ? [] : [[parameter, tensor]];
      }),
    );
    return measure(this.session, file, this.judging, weights);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session.close();
  }
}

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
