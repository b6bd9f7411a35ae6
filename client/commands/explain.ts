// `massif explain ENDPOINT`: what the router would do with a call, and why.
import type { Explanation } from '../../contracts/explain.js';
import { argument, type Command, type Invocation, text, texts, UsageError } from '../cli/command.js';
import { table } from '../cli/table.js';

export const explain: Command = {
  name: 'explain',
  usage: 'explain ENDPOINT [--user USER] [--version VERSION] [--tenant TENANT] [--header NAME=VALUE ...]',
  argumentsMax: 1,
  summary: 'which version and replica a call would get, and why',
  options: {
    user: { type: 'string' },
    version: { type: 'string' },
    tenant: { type: 'string' },
    header: { type: 'string', multiple: true },
  },
  async run({ args, values, client, out }: Invocation) {
    const endpoint = argument(args, 0, 'ENDPOINT');
    const user = text(values, 'user');
    const version = text(values, 'version');
    const tenant = text(values, 'tenant');
    const headers = Object.fromEntries(texts(values, 'header').map(readHeader));
    const asked = {
      ...(user !== undefined && { user }),
      ...(version !== undefined && { version }),
      ...(tenant !== undefined && { tenant }),
      headers,
    };
    const explained = await (await client('routed')).explain(endpoint, asked);
    out.show(explained, () => describe(explained));
    return explained.replica === undefined ? 1 : 0;
  },
};

function readHeader(given: string): [string, string] {
  const at = given.indexOf('=');
  if (at < 1) throw new UsageError(`--header must look like NAME=VALUE, got "${given}"`);
  return [given.slice(0, at).toLowerCase(), given.slice(at + 1)];
}

function describe(explained: Explanation): string {
  const {
    endpoint,
    region,
    label = '',
    arm,
    epoch,
    replica,
    steps,
    refusal,
    reasons,
    candidates,
  } = explained;
  const version = arm === undefined || arm === label ? label : `${arm} (${label})`;
  const decision =
    replica === undefined
      ? `refused with ${refusal ?? 'no reason'}`
      : steps
        ? `revision ${label}: ${steps.map((one) => `${one.step} on ${one.replica ?? 'nobody'}`).join(', ')}`
        : `${version} on ${replica}${epoch === undefined ? '' : `, epoch ${epoch}`}`;
  const lines = [`${endpoint}, asked in ${region}: ${decision}`, ...reasons.map((reason) => `  ${reason}`)];
  if (candidates.length === 0) return lines.join('\n');
  const rows = candidates.map((c) => [
    ...(steps ? [c.step ?? ''] : []),
    c.replica,
    c.region,
    c.inFlight,
    `${c.latencyMs.toFixed(1)} ms`,
    c.verdict,
  ]);
  return [
    ...lines,
    '',
    table([...(steps ? ['step'] : []), 'replica', 'region', 'in flight', 'latency', 'verdict'], rows),
  ].join('\n');
}
