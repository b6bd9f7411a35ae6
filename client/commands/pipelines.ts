// `massif pipelines`: graphs of models that can be called by one name, and the steps they take.
import type { PipelineRecord } from '../../contracts/pipeline.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import type { Command, Invocation } from '../cli/command.js';
import { table } from '../cli/table.js';

export const pipelines: Command = {
  name: 'pipelines',
  usage: 'pipelines',
  argumentsMax: 0,
  summary: 'graphs of models with one name, and their steps',
  async run({ client, out }: Invocation) {
    const massif = await client('routed');
    const found = await massif.registry.pipelines();
    const endpoints = await massif.endpoints();
    out.show(found, () => pipelineTable(found, endpoints));
  },
};

/** `spares`: replicas of a step's endpoint in each of its regions beyond the first. */
export function pipelineTable(
  found: readonly PipelineRecord[],
  endpoints: readonly EndpointRecord[] = [],
): string {
  const spares = (name: string): number | string => {
    const endpoint = endpoints.find((one) => one.name === name);
    return endpoint && !endpoint.scaling ? endpoint.replicasPerRegion - 1 : '';
  };
  return table(
    ['pipeline', 'revision', 'timeout', 'step', 'endpoint', 'spares', 'before', 'after'],
    found.flatMap(({ name, revision, timeoutMs, steps }) =>
      steps.map((step, i) => [
        ...(i === 0 ? [name, String(revision), `${timeoutMs} ms`] : ['', '', '']),
        step.name,
        step.endpoint,
        spares(step.endpoint),
        step.before.map(({ use }) => use).join(', '),
        step.after.map(({ use }) => use).join(', '),
      ]),
    ),
  );
}
