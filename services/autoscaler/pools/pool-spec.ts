// How an operator declares a pool: what kind it is, what a node of it has and costs, and where it is asked. Several make the list of
// MASSIF_POOLS; a single one may be said with variables (autoscaler.config.ts).
import { z } from 'zod';
import { ComputePoolName, PoolDevice } from '../../../contracts/scheduling.js';
import { RegionName } from '../../../contracts/names.js';

const MIB = 1_048_576;

const count = (least: number, most: number) =>
  z
    .int(`must be a whole number from ${least} to ${most}`)
    .min(least, `must be a whole number from ${least} to ${most}`)
    .max(most, `must be a whole number from ${least} to ${most}`);
const word = (pattern: RegExp, example: string) => z.string().regex(pattern, `must be ${example}`);

const price = z
  .number('must be a price, 0 or more')
  .min(0, 'must be a price, 0 or more')
  .max(1_000_000_000, 'must be a price, 0 or more');

const Common = {
  name: ComputePoolName,
  nodesMax: count(1, 10_000),
  /** What is not said follows from the kind: the memory of an engine, or a cluster's `gres`. */
  device: PoolDevice.optional(),
  pricePerHour: price.default(0),
};
const Process = { threads: count(1, 1_024).default(1), engineMib: count(128, 16_777_216).default(4_096) };

export const PoolSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('process'),
    ...Common,
    nodesMax: count(1, 256),
    ...Process,
    niceness: count(0, 19).default(0),
  }),
  z.strictObject({
    kind: z.literal('webhook'),
    ...Common,
    url: z.url({ protocol: /^https?$/, error: 'must be a URL such as https://pool.example' }),
    secret: z.string().min(16, 'must have 16 characters or more'),
    region: RegionName.optional(),
    takesJobs: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('slurm'),
    ...Common,
    ...Process,
    memoryMib: count(256, 16_777_216).default(8_192),
    minutes: count(1, 43_200).default(60),
    gres: word(/^[A-Za-z][\w.-]*(:[\w.-]+){0,2}$/, 'such as gpu:a100:1').optional(),
    partition: word(/^[\w.,-]+$/, 'the name of a partition').optional(),
    account: word(/^[\w.-]+$/, 'the name of an account').optional(),
    qos: word(/^[\w.-]+$/, 'the name of a quality of service').optional(),
  }),
  z.strictObject({
    kind: z.literal('kubernetes'),
    ...Common,
    deployment: word(/^[a-z0-9][a-z0-9.-]*$/, 'the name of a deployment'),
    namespace: word(/^[a-z0-9][a-z0-9-]*$/, 'the name of a namespace').default('default'),
    selector: z.string().optional(),
    region: RegionName.optional(),
  }),
]);
export type PoolSpec = z.infer<typeof PoolSpec>;

export const PoolSpecs = z
  .array(PoolSpec)
  .max(64)
  .refine((specs) => new Set(specs.map(({ name }) => name)).size === specs.length, {
    error: 'must give each pool a name of its own',
  });

export function deviceOf(spec: PoolSpec): z.infer<typeof PoolDevice> {
  if (spec.device) return spec.device;
  if (spec.kind === 'process') return { kind: 'cpu', count: 1, memoryBytes: spec.engineMib * MIB };
  if (spec.kind === 'slurm') return deviceOfGres(spec.gres, spec.memoryMib);
  return { kind: 'cpu', count: 1 };
}

/** `gpu:a100:2` are two devices of one model; a cluster's other resources are no devices of ours. */
function deviceOfGres(gres: string | undefined, memoryMib: number): z.infer<typeof PoolDevice> {
  const memoryBytes = memoryMib * MIB;
  const [kind, ...rest] = gres?.split(':') ?? [];
  if (kind !== 'gpu') return { kind: 'cpu', count: 1, memoryBytes };
  const amount = Number(rest.at(-1));
  const counted = Number.isInteger(amount) && amount > 0;
  const model = counted ? rest.at(-2) : rest.at(-1);
  return { kind: 'cuda', count: counted ? amount : 1, memoryBytes, ...(model !== undefined && { model }) };
}
