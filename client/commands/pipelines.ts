// `massif pipelines`: graphs of models that can be called by one name, and the steps they take.
import type { PipelineRecord } from '../../contracts/pipeline.js';
import type { Command, Invocation } from '../cli/command.js';
import { table } from '../cli/table.js';

export const pipelines: Command = {
  name: 'pipelines',
  usage: 'pipelines',
  summary: 'graphs of models with one name, and their steps',
  async run({ client, out }: Invocation) {
    const found = await (await client('routed')).registry.pipelines();
    out.show(found, () => pipelineTable(found));
  },
};

export function pipelineTable(found: readonly PipelineRecord[]): string {
  return table(
    ['pipeline', 'revision', 'timeout', 'step', 'endpoint', 'before', 'after'],
    found.flatMap(({ name, revision, timeoutMs, steps }) =>
      steps.map((step, i) => [
        ...(i === 0 ? [name, String(revision), `${timeoutMs} ms`] : ['', '', '']),
        step.name,
        step.endpoint,
        step.before.map(({ use }) => use).join(', '),
        step.after.map(({ use }) => use).join(', '),
      ]),
    ),
  );
}
