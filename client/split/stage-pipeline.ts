// The pipeline whose steps are the stages of a split model: each takes what was fed or made before and leaves what is needed later, under
// the names the whole model gave. `massif split` declares it; docs/splitting.md.
import type { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import type { StateTensor } from '../../contracts/sequence-state.js';
import type { TensorSpec } from '../../contracts/tensor-spec.js';

export interface StageEndpoint {
  readonly endpoint: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface WholeModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** What stages keep from step to step: neither the caller nor a hop carries it. */
  readonly card?: { readonly state?: readonly StateTensor[] | undefined };
}

const NAME_MAX = 128;

export function stagePipeline(
  name: string,
  description: string,
  whole: WholeModel,
  stages: readonly StageEndpoint[],
  microBatch?: number,
): z.input<typeof PipelineSpec> {
  const kept = new Set(whole.card?.state?.flatMap(({ input, output }) => [input, output]));
  const travels = (port: string): boolean => !kept.has(port);
  const short = shortNames([
    ...whole.inputs.map((input) => input.name),
    ...stages.flatMap((one) => one.outputs),
  ]);
  const wired = (ports: readonly string[]): Record<string, string> =>
    Object.fromEntries(ports.filter(travels).map((port) => [port, short(port)]));
  return {
    name,
    description,
    inputs: whole.inputs
      .filter(({ name: input }) => travels(input))
      .map((input) => ({ name: short(input.name), datatype: input.datatype, shape: input.shape })),
    steps: stages.map(({ endpoint, inputs, outputs }, i) => ({
      name: stepName(i),
      endpoint,
      in: wired(inputs),
      out: wired(outputs),
    })),
    outputs: whole.outputs.flatMap((output) => (travels(output.name) ? [short(output.name)] : [])),
    ...(microBatch !== undefined && { microBatch }),
  };
}

export const stepName = (stage: number): string => `stage-${stage + 1}`;

/** Inside a model a name may be longer than a pipeline lets one be; a caller's own names must not change. */
function shortNames(names: readonly string[]): (name: string) => string {
  const given = new Map<string, string>();
  names.forEach((name, i) => given.set(name, name.length <= NAME_MAX ? name : `value-${i + 1}`));
  return (name) => {
    const found = given.get(name);
    if (found === undefined)
      throw failure('PIPELINE_REFUSED', `No stage makes "${name.slice(0, NAME_MAX)}".`, { tensor: name });
    return found;
  };
}
