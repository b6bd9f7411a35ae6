// A request of many rows as several of few, for a pipeline whose steps are the stages of one model: while the second stage has the first
// rows the first has the next (GPipe, Huang et al. 2019). The dispatcher sends them and puts the answers together. Pure.
import {
  type Body,
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
  encodeInferResponse,
  type InferRequest,
} from '../../../contracts/infer-body.js';
import { type PipelinePlan, pipelineSignature } from '../../../contracts/pipeline.js';
import { joinRows, rowsFrom } from '../../../contracts/tensor-rows.js';

/** More would be more messages than overlap. */
const PARTS_MAX = 64;

export interface MicroBatches {
  readonly request: InferRequest;
  readonly bodies: readonly Body[];
}

/** Undefined when it goes as a whole: few rows, or inputs that do not agree on how many, which the first step refuses in its own words. */
export function microBatches(plan: PipelinePlan, { bytes, jsonLength }: Body): MicroBatches | undefined {
  const { microBatch } = plan;
  if (microBatch === undefined) return undefined;
  const request = decodeInferRequest(bytes, jsonLength, pipelineSignature(plan).inputs);
  const counts = new Set(request.inputs.map(({ shape }) => shape[0] ?? 0));
  const [rows = 0] = counts;
  if (counts.size !== 1 || rows <= microBatch) return undefined;
  const each = Math.max(microBatch, Math.ceil(rows / PARTS_MAX));
  const bodies = Array.from({ length: Math.ceil(rows / each) }, (_, i) => {
    const count = Math.min(each, rows - i * each);
    return encodeInferRequest({
      ...request,
      inputs: request.inputs.map((input) => rowsFrom(input, i * each, count)),
    });
  });
  return { request, bodies };
}

/** In the order in which they were cut. */
export function joinAnswers(
  { request }: MicroBatches,
  answers: readonly { readonly bytes: Uint8Array; readonly jsonLength: number | undefined }[],
): Body {
  const [first, ...others] = answers.map(({ bytes, jsonLength }) => decodeInferResponse(bytes, jsonLength));
  const outputs = (first?.outputs ?? []).map((output, i) =>
    joinRows(output.name, [output, ...others.flatMap((other) => other.outputs[i] ?? [])]),
  );
  // Best classes were chosen where the rows were run; here they are texts already.
  const wanted = request.outputs?.map(({ name, parameters: { binary_data } = {} }) => ({
    name,
    ...(binary_data !== undefined && { parameters: { binary_data } }),
  }));
  const { modelName = '', modelVersion } = first ?? {};
  const response = { modelName, outputs, ...(modelVersion !== undefined && { modelVersion }) };
  return encodeInferResponse(request.id === undefined ? response : { ...response, id: request.id }, {
    ...(wanted && { outputs: wanted }),
    binaryOutput: request.binaryOutput,
  });
}
