// `massif deploy ENDPOINT`: which versions an endpoint serves, and to how many of its users each.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { PlacementPolicy } from '../../contracts/placement.js';
import { DeployRequest, EndpointPlacement } from '../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import {
  argument,
  type Command,
  type Invocation,
  text,
  texts,
  UsageError,
  type Values,
  wholeNumber,
} from '../cli/command.js';
import { stateText } from '../release-text.js';
import { endpointTable } from './endpoints.js';
import { readScaling } from './scaling-words.js';
import { followRelease, succeeded } from './follow-release.js';

const PERCENT = WEIGHT_TOTAL / 100;

export const deploy: Command = {
  name: 'deploy',
  usage:
    'deploy ENDPOINT [--model MODEL] [--variant VERSION=PERCENT[,ARM] ...] [--replicas N] [--by-user] [--traffic FILE]',
  argumentsMax: 1,
  summary: 'puts versions behind an endpoint, each with its share',
  help: `  --model MODEL              the model; the endpoint's own name when absent
  --variant VERSION=PERCENT  a label, digest or alias and its share, down to 0.01; without any the default version takes all
                             v1=5,baseline names the arm: two arms may have one version
  --replicas N               replicas in each region (1)
  --by-user                  the user decides the variant; a call without Massif-User is refused
  --traffic FILE             JSON with any of rules, experiment, shadow, withoutUser (docs/routing.md)
  --placement POLICY         proportional, traffic, user or intelligent decides how many replicas lie where (docs/placement.md); none: as many
                             in every region again; FILE.json: with spread, devices, pool, pools by tenant, withinMs
  --region NAME              with --placement: it lies in these regions only
  --scaling WORDS            min=0,max=4,idle=30s: as many replicas as the load needs (massif help scale); off: a fixed number again
  --timeout MS               for calls that bring no deadline of their own (10000)
  --no-wait                  does not wait until other versions than before are loaded, switched to and drained
  --hedge MS|auto            ask a second replica after this time, or after the endpoint's own 95th percentile; not at all when absent
  --cache SECONDS            give the same answer again to the same inputs for so long; each call is run when absent`,
  options: {
    model: { type: 'string' },
    variant: { type: 'string', multiple: true },
    replicas: { type: 'string' },
    'by-user': { type: 'boolean' },
    traffic: { type: 'string' },
    placement: { type: 'string' },
    region: { type: 'string', multiple: true },
    scaling: { type: 'string' },
    timeout: { type: 'string' },
    hedge: { type: 'string' },
    'no-wait': { type: 'boolean' },
    cache: { type: 'string' },
  },
  async run({ args, values, client, out, clock, signal }: Invocation) {
    const endpoint = argument(args, 0, 'ENDPOINT');
    const replicasPerRegion = wholeNumber(values, 'replicas');
    const timeoutMs = wholeNumber(values, 'timeout');
    const hedgeAfterMs = values['hedge'] === 'auto' ? 'auto' : wholeNumber(values, 'hedge');
    const scaling = text(values, 'scaling');
    const cacheS = wholeNumber(values, 'cache');
    const traffic = await readTraffic(text(values, 'traffic'));
    const massif = await client('routed');
    const { endpoint: record, release } = await massif.registry.deploy({
      endpoint,
      model: text(values, 'model') ?? endpoint,
      variants: texts(values, 'variant').map(readVariant),
      assignment: values['by-user'] === true ? 'user' : 'request',
      ...traffic,
      ...(await readPlacement(values)),
      ...(scaling !== undefined && { scaling: scaling === 'off' ? null : readScaling(scaling) }),
      ...(replicasPerRegion !== undefined && { replicasPerRegion }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(hedgeAfterMs !== undefined && { hedgeAfterMs }),
      ...(cacheS !== undefined && { cacheS }),
    });
    if (release === undefined || values['no-wait'] === true)
      return out.show(release === undefined ? record : { ...record, release }, () =>
        [
          endpointTable([record]),
          ...(release === undefined ? [] : [`the release ${release} brings the rest`]),
        ].join('\n'),
      );
    const ended = await followRelease({ clock, signal, out }, massif.releases, release);
    const [after = record] = (await massif.registry.endpoints()).filter(({ name }) => name === endpoint);
    out.show({ ...after, release }, () =>
      succeeded(ended) ? endpointTable([after]) : `${stateText(ended)}\n\n${endpointTable([after])}`,
    );
    return succeeded(ended) ? 0 : 1;
  },
};

const Traffic = DeployRequest.pick({ rules: true, experiment: true, shadow: true, withoutUser: true });

async function readTraffic(file: string | undefined): Promise<z.infer<typeof Traffic>> {
  if (file === undefined) return {};
  const read = Traffic.strict().safeParse(JSON.parse(await readFile(file, 'utf8')));
  if (read.success) return read.data;
  throw new UsageError(`${file}: ${z.prettifyError(read.error)}`);
}

async function readPlacement(values: Values): Promise<Pick<z.input<typeof DeployRequest>, 'placement'>> {
  const given = text(values, 'placement');
  const regions = texts(values, 'region');
  if (given === undefined && regions.length > 0) throw new UsageError('--region comes with --placement');
  if (given === undefined) return {};
  if (given === 'none') return { placement: null };
  if (given.endsWith('.json')) {
    const read = EndpointPlacement.strict().safeParse(JSON.parse(await readFile(given, 'utf8')));
    if (read.success) return { placement: read.data };
    throw new UsageError(`${given}: ${z.prettifyError(read.error)}`);
  }
  const policy = PlacementPolicy.safeParse(given);
  if (!policy.success)
    throw new UsageError(
      `--placement is one of ${PlacementPolicy.options.join(', ')}, none, a .json file; got "${given}"`,
    );
  return { placement: { policy: policy.data, ...(regions.length > 0 && { regions }) } };
}

/** `v2=5`, `v2=0.01`, `v2=5,canary`; the last `=` parts, for labels may have some of their own. */
export function readVariant(given: string): { version: string; weight: number; arm?: string } {
  const match = /^(.+)=(\d{1,3}(?:\.\d{1,2})?)(?:,([^\s/]{1,64}))?$/.exec(given);
  const weight = match ? Math.round(Number(match[2]) * PERCENT) : NaN;
  if (!match?.[1] || weight > WEIGHT_TOTAL) {
    throw new UsageError(
      `--variant must look like v2=5, v2=0.01 or v2=5,canary (percent, then an arm), got "${given}"`,
    );
  }
  return { version: match[1], weight, ...(match[3] !== undefined && { arm: match[3] }) };
}
