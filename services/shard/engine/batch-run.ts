// Runs a batch on a session and gives every caller its own rows. When something about the joint run fails, each request is run
// by itself: one request's values must not cost the others their answer. replica.ts decides what makes a batch.
import { type Failure, toFailure } from '../../../contracts/errors.js';
import { encodeInferResponse, type InferResponse } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { Gatherer, sliceRows } from './gather.js';
import type { ModelSession } from './model-session.js';
import type { Ready } from './request-queue.js';
import type { RunLoop } from './run-loop.js';

export interface BatchRunParts {
  readonly session: Pick<ModelSession, 'run'>;
  readonly loop: RunLoop;
  readonly model: string;
  readonly label: string;
  /** Of the model's classes. */
  readonly labels?: readonly string[] | undefined;
  readonly aboutToRun: () => void;
  readonly answered: (one: Ready, body: ReturnType<typeof encodeInferResponse>) => void;
  readonly refused: (one: Ready, error: Failure) => void;
}

export class BatchRun {
  private readonly gatherer = new Gatherer();
  private joinable = true;

  constructor(private readonly parts: BatchRunParts) {}

  /** False once an output turned out not to carry the batch, whatever the model declares. */
  get canJoin(): boolean {
    return this.joinable;
  }

  async run(batch: readonly Ready[]): Promise<void> {
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) return this.runAlone(first);
    if (await this.runJoined(batch)) return;
    for (const one of batch) await this.runAlone(one);
  }

  private async runAlone(one: Ready): Promise<void> {
    let outputs: Tensor[];
    try {
      outputs = await this.blockingRun(one.decoded.inputs);
    } catch (error) {
      return this.parts.refused(one, toFailure(error));
    }
    this.answer(one, outputs);
  }

  /** False when nobody was answered. */
  private async runJoined(batch: readonly Ready[]): Promise<boolean> {
    let outputs: Tensor[];
    try {
      outputs = await this.blockingRun(this.gatherer.join(batch.map(({ decoded }) => decoded.inputs)));
    } catch {
      return false; // the single runs say which request it was, and why
    }
    const total = batch.reduce((sum, { decoded }) => sum + decoded.rows, 0);
    this.joinable = outputs.every(({ shape }) => shape[0] === total);
    if (!this.joinable) return false;
    let from = 0;
    for (const one of batch) {
      const { rows } = one.decoded;
      this.answer(
        one,
        outputs.map((output) => sliceRows(output, from, rows, total)),
      );
      from += rows;
    }
    return true;
  }

  private blockingRun(inputs: readonly Tensor[]): Promise<Tensor[]> {
    this.parts.aboutToRun();
    return this.parts.loop.blocking(() => this.parts.session.run(inputs));
  }

  private answer(one: Ready, outputs: Tensor[]): void {
    const { request } = one.decoded;
    const response: InferResponse = {
      modelName: one.headers.endpoint || this.parts.model,
      modelVersion: this.parts.label,
      outputs,
    };
    if (request.id !== undefined) response.id = request.id;
    try {
      this.parts.answered(one, encodeInferResponse(response, request, this.parts.labels));
    } catch (error) {
      this.parts.refused(one, toFailure(error));
    }
  }
}
