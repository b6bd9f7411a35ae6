// `massif endpoints`: what can be called, and which versions answer.
import { shortDigest } from '../../contracts/names.js';
import { armOf, type EndpointRecord } from '../../contracts/registry.js';
import type { Command, Invocation } from '../cli/command.js';
import { percentText, table } from '../cli/table.js';

export const endpoints: Command = {
  name: 'endpoints',
  usage: 'endpoints',
  argumentsMax: 0,
  summary: 'what can be called, and which versions answer',
  async run({ client, out }: Invocation) {
    const found = await (await client('routed')).endpoints();
    out.show(found, () => endpointTable(found));
  },
};

function replicasOf({ replicasPerRegion, scaling, placement }: EndpointRecord): string {
  if (scaling) return `${scaling.minReplicas} to ${scaling.maxReplicas} a region`;
  return placement ? `by ${placement.policy}` : `${replicasPerRegion} a region`;
}

export function endpointTable(found: readonly EndpointRecord[]): string {
  return table(
    ['endpoint', 'model', 'version', 'digest', 'share', 'by', 'replicas', 'timeout'],
    found.flatMap((endpoint) =>
      endpoint.variants.map((variant, i) => {
        const arm = armOf(variant);
        const label = arm === variant.label ? arm : `${arm} (${variant.label})`;
        const version = [label, shortDigest(variant.version), percentText(variant.weight)];
        if (i > 0) return ['', '', ...version];
        const { name, model, assignment, timeoutMs } = endpoint;
        return [name, model, ...version, assignment, replicasOf(endpoint), `${timeoutMs} ms`];
      }),
    ),
  );
}
