// `massif explain ENDPOINT`: what the router would do with a call, and why.
import type { Explanation } from '../../contracts/explain.js';
import { argument, type Command, type Invocation, text } from '../cli/command.js';
import { table } from '../cli/table.js';

export const explain: Command = {
  name: 'explain',
  usage: 'explain ENDPOINT [--user USER] [--version VERSION]',
  summary: 'which version and replica a call would get, and why',
  options: { user: { type: 'string' }, version: { type: 'string' } },
  async run({ args, values, client, out }: Invocation) {
    const endpoint = argument(args, 0, 'ENDPOINT');
    const user = text(values, 'user');
    const version = text(values, 'version');
    const asked = { ...(user !== undefined && { user }), ...(version !== undefined && { version }) };
    const explained = await (await client('routed')).explain(endpoint, asked);
    out.show(explained, () => describe(explained));
    return explained.replica === undefined ? 1 : 0;
  },
};

function describe(explained: Explanation): string {
  const { endpoint, region, label, replica, refusal, reasons, candidates } = explained;
  const decision =
    replica === undefined ? `refused with ${refusal ?? 'no reason'}` : `${label ?? ''} on ${replica}`;
  const lines = [`${endpoint}, asked in ${region}: ${decision}`, ...reasons.map((reason) => `  ${reason}`)];
  if (candidates.length === 0) return lines.join('\n');
  const rows = candidates.map((c) => [
    c.replica,
    c.region,
    c.inFlight,
    `${c.latencyMs.toFixed(1)} ms`,
    c.verdict,
  ]);
  return [...lines, '', table(['replica', 'region', 'in flight', 'latency', 'verdict'], rows)].join('\n');
}
