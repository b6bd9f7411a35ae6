// Reads a body when its turn comes near: the tensors of the request, checked against what the model declares, with the state of its
// sequence, or the row set of a pipeline's step; and by what it may share a run with others. replica.ts gives it to the scheduler.
import { lengthOf } from '../../../contracts/blob-tensor.js';
import { failure } from '../../../contracts/errors.js';
import { checkInputs, checkOutputs, decodeInferRequest } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { readItinerary } from './itinerary.js';
import type { ModelSession } from './model-session.js';
import type { Decoded, Waiting } from './request-queue.js';
import { inOrder, type RowAxes, rowsOf, shareKey } from './rows.js';
import type { Sequences } from './sequences.js';
import { Stage } from './stage.js';

export interface DecodingParts {
  readonly declared: ModelSession['declared'];
  readonly labels: readonly string[] | undefined;
  /** Undefined when requests cannot share a run. */
  readonly axes: RowAxes | undefined;
  /** Of a stateful version. */
  readonly sequences: Sequences | undefined;
}

const AS_BLOBS = { asBlobs: true };
const AS_NUMBERS = { asBlobs: false };

export class Decoding {
  constructor(private readonly parts: DecodingParts) {}

  /** The request with its tensors, which it keeps. @throws Failure BAD_REQUEST with what is wrong in the body. */
  of<R extends Waiting>(request: R): R & { decoded: Decoded } {
    return Object.assign(request, { decoded: request.decoded ?? this.decode(request) });
  }

  decode(waiting: Waiting): Decoded {
    const { body, headers } = waiting;
    const { declared, sequences } = this.parts;
    const { inputs: specs, outputs } = declared;
    if (headers.plan !== '') return this.decodeStage(waiting);
    const sent = sequences?.sent(waiting, specs) ?? specs;
    const request = decodeInferRequest(body, headers.jsonLength, sent, sequences ? AS_NUMBERS : AS_BLOBS);
    if (sequences) request.inputs = sequences.complete(waiting, request.inputs);
    checkInputs(request, specs);
    checkOutputs(request, outputs);
    const inputs = inOrder(request.inputs, specs);
    const { rows, key, items } = this.sharing(inputs);
    return { request, inputs, rows, key, items };
  }

  private decodeStage(waiting: Waiting): Decoded {
    const { headers, body: bytes } = waiting;
    const { declared, labels, sequences } = this.parts;
    const body = { bytes, jsonLength: headers.jsonLength };
    const itinerary = readItinerary(headers);
    if (sequences && itinerary.plan.stateful === true && headers.sequence === undefined)
      throw failure(
        'BAD_REQUEST',
        `${itinerary.plan.name} keeps a state from step to step: call it in a sequence (sequence_id, sequence_start).`,
      );
    const stage = new Stage(
      itinerary,
      body,
      declared.inputs,
      { labels },
      sequences && ((inputs) => sequences.complete(waiting, inputs)),
    );
    const { request, runs } = stage;
    const [inputs = []] = runs;
    const sharing = this.sharing(inputs);
    return { request, inputs, stage, ...sharing, rows: runs.length === 1 ? sharing.rows : 0 };
  }

  private sharing(inputs: readonly Tensor[]): Pick<Decoded, 'rows' | 'key' | 'items'> {
    const { axes } = this.parts;
    const rowAxes = axes?.inputs ?? [];
    let items = 0;
    for (const input of inputs) items += lengthOf(input);
    return { rows: axes === undefined ? 0 : rowsOf(inputs, rowAxes), key: shareKey(inputs, rowAxes), items };
  }
}
