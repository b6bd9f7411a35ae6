// `massif deploy ENDPOINT`: which versions an endpoint serves, and to how many of its users each.
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import {
  argument,
  type Command,
  type Invocation,
  text,
  texts,
  UsageError,
  wholeNumber,
} from '../cli/command.js';
import { endpointTable } from './endpoints.js';

const PERCENT = WEIGHT_TOTAL / 100;

export const deploy: Command = {
  name: 'deploy',
  usage: 'deploy ENDPOINT [--model MODEL] [--variant VERSION=PERCENT ...] [--replicas N] [--by-user]',
  summary: 'puts versions behind an endpoint, each with its share',
  help: `  --model MODEL              the model; the endpoint's own name when absent
  --variant VERSION=PERCENT  a label, digest or alias and its share, down to 0.01; without any the default version takes all
  --replicas N               replicas in each region (1)
  --by-user                  the user decides the variant; a call without Massif-User is refused
  --timeout MS               for calls that bring no deadline of their own (10000)
  --hedge MS                 ask a second replica after this time; not at all when absent`,
  options: {
    model: { type: 'string' },
    variant: { type: 'string', multiple: true },
    replicas: { type: 'string' },
    'by-user': { type: 'boolean' },
    timeout: { type: 'string' },
    hedge: { type: 'string' },
  },
  async run({ args, values, client, out }: Invocation) {
    const endpoint = argument(args, 0, 'ENDPOINT');
    const replicasPerRegion = wholeNumber(values, 'replicas');
    const timeoutMs = wholeNumber(values, 'timeout');
    const hedgeAfterMs = wholeNumber(values, 'hedge');
    const record = await (
      await client('routed')
    ).registry.deploy({
      endpoint,
      model: text(values, 'model') ?? endpoint,
      variants: texts(values, 'variant').map(readVariant),
      assignment: values['by-user'] === true ? 'user' : 'request',
      ...(replicasPerRegion !== undefined && { replicasPerRegion }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(hedgeAfterMs !== undefined && { hedgeAfterMs }),
    });
    out.show(record, () => endpointTable([record]));
  },
};

/** `v2=5`, `v2=0.01`; the last `=` parts, for labels may have some of their own. */
export function readVariant(given: string): { version: string; weight: number } {
  const match = /^(.+)=(\d{1,3}(?:\.\d{1,2})?)$/.exec(given);
  const weight = match ? Math.round(Number(match[2]) * PERCENT) : NaN;
  if (!match?.[1] || weight > WEIGHT_TOTAL) {
    throw new UsageError(`--variant must look like v2=5 or v2=0.01 (percent), got "${given}"`);
  }
  return { version: match[1], weight };
}
