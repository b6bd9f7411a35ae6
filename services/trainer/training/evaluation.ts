// Runs a model that is still learning on examples it does not learn from. Its weights are inputs of the session, so that no new
// session is made for every epoch. The training loop asks.
import { copyModel } from '../../onnx/extract.js';
import type { Graph } from '../../onnx/graph.js';
import { openSession, type Session, type Tensors } from '../../onnx/session.js';
import { floatValues } from '../../onnx/tensor.js';
import type { StateSlot } from '../../onnx/training/training-graph.js';
import { valueInfo } from '../../onnx/value-info.js';
import type { ExampleFile } from '../data/example-file.js';
import { INPUT } from '../graph/feature-graph.js';
import { OUTPUT } from '../graph/first-model.js';
import { inputTensor } from './feed.js';
import { Measured } from './measure.js';

const BATCH = 256;

export class Evaluation implements AsyncDisposable {
  private constructor(
    private readonly session: Session,
    private readonly slots: readonly StateSlot[],
  ) {}

  static async open(forward: Graph, state: readonly StateSlot[], threads: number): Promise<Evaluation> {
    const slots = state.filter(({ parameter }) => parameter !== undefined);
    const graph = copyModel(forward);
    for (const { parameter = '', initial } of slots) {
      graph.removeConstants([parameter]);
      graph.proto.input.push(valueInfo(parameter, initial.dataType, initial.dims));
    }
    return new Evaluation(await openSession(graph.write(), { threads }), slots);
  }

  /** `state` is that of a checkpoint. */
  async measure(file: ExampleFile, classes: readonly string[], state: Tensors): Promise<Measured> {
    const weights = Object.fromEntries(
      this.slots.flatMap(({ parameter = '', input }) => {
        const tensor = state[input];
        return tensor === undefined ? [] : [[parameter, tensor]];
      }),
    );
    return measure(this.session, file, classes, weights);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session.close();
  }
}

export async function measure(
  session: Session,
  file: ExampleFile,
  classes: readonly string[],
  weights: Tensors = {},
): Promise<Measured> {
  const measured = new Measured(classes);
  for (const batch of file.batches(BATCH)) {
    const { [OUTPUT]: answer } = await session.run({ [INPUT]: inputTensor(batch, file.layout), ...weights }, [
      OUTPUT,
    ]);
    if (answer !== undefined) measured.add(floatValues(answer), batch.target);
  }
  return measured;
}
