// Runs a model that is still learning on examples it does not learn from. Its weights are inputs of the session, so that no new
// session is made for every epoch. The training loop asks.
import { copyModel } from '../../onnx/extract.js';
import type { Graph } from '../../onnx/graph.js';
import { openSession, type Session, type Tensors } from '../../onnx/session.js';
import type { StateSlot } from '../../onnx/training/training-graph.js';
import { valueInfo } from '../../onnx/value-info.js';
import type { ExampleFile } from '../../onnx/data/example-file.js';
import { type Judging, measure } from '../../onnx/data/evaluate.js';
import type { Measured } from '../../onnx/data/measure.js';
import type { MeasuredNumbers } from '../../onnx/data/measure-numbers.js';

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
