// What endpoints and pipelines owe each other: an endpoint that a pipeline stands on neither goes nor changes into something that
// does not fit, and one name is never both. The catalog asks before it writes.
import { failure, inStep } from '../../contracts/errors.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import type { CatalogState } from './catalog-state.js';
import { checkPipeline, type Signature } from './pipeline-check.js';

/** An endpoint as it would be after a deploy: pipelines that stand on it must still fit. Throws PIPELINE_REFUSED. */
export function checkDependents(endpoint: EndpointRecord, state: CatalogState): void {
  if (state.pipelines.has(endpoint.name))
    throw failure('PIPELINE_REFUSED', `"${endpoint.name}" is a pipeline already: choose another name.`);
  const would = (name: string) =>
    name === endpoint.name ? signaturesOf(endpoint, state) : signatures(name, state);
  for (const pipeline of state.pipelines.values()) {
    if (!pipeline.steps.some((step) => step.endpoint === endpoint.name)) continue;
    try {
      checkPipeline(pipeline, would);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw failure(
        'PIPELINE_REFUSED',
        `The pipeline "${pipeline.name}" would not fit any more: ${reason}`,
        {},
        cause,
      );
    }
  }
}

/** Throws when a pipeline stands on the endpoint. */
export function checkUnused(endpoint: string, state: CatalogState): void {
  for (const { name, steps } of state.pipelines.values()) {
    const step = steps.find((candidate) => candidate.endpoint === endpoint);
    if (step)
      throw inStep(
        failure(
          'PIPELINE_REFUSED',
          `The pipeline "${name}" stands on the endpoint "${endpoint}": withdraw it first.`,
        ),
        step.name,
      );
  }
}

export function signatures(endpoint: string, state: CatalogState): Signature[] | undefined {
  const record = state.endpoints.get(endpoint);
  return record && signaturesOf(record, state);
}

function signaturesOf({ variants }: EndpointRecord, state: CatalogState): Signature[] {
  return variants.flatMap(({ version, label }) => {
    const record = state.version(version);
    if (!record) return [];
    return [{ label, inputs: record.inputs, outputs: record.outputs, state: record.card.state }];
  });
}
