// What placing is decided from (devices, links, endpoints with their demand) and what comes of it: a plan for each policy. An
// inventory file of `massif place` has the form of PlacementProblem.
import { z } from 'zod';
import { EndpointName, InstanceName, RegionName } from './names.js';

/** Replicas go where the capacity is; where the traffic is; where users are and must stay; where an optimiser puts them. */
export const PlacementPolicy = z.enum(['proportional', 'traffic', 'user', 'intelligent']);
export type PlacementPolicy = z.infer<typeof PlacementPolicy>;

/** `cuda:1` is the second GPU of its machine. */
export const DeviceKind = z.string().regex(/^(cpu|cuda:\d{1,3})$/, 'must be cpu or cuda:N');
export const DeviceClass = z.enum(['cpu', 'cuda']);
export type DeviceClass = z.infer<typeof DeviceClass>;
export const deviceClassOf = (kind: string): DeviceClass => (kind.startsWith('cuda') ? 'cuda' : 'cpu');

/** Shards that are kept for some users. */
export const PoolName = z.string().min(1).max(32);

const positive = (what: string) =>
  z.number(`${what} must be a number above 0`).positive(`${what} must be above 0`);
const notNegative = (what: string) =>
  z.number(`${what} must be a number`).min(0, `${what} must not be negative`);

export const InventoryShard = z.object({
  id: InstanceName,
  region: RegionName,
  /** What fails together within the region; all of the region when not given. */
  zone: RegionName.optional(),
  device: DeviceKind.default('cpu'),
  memoryBytes: positive('memoryBytes'),
  /** Of the device on which the endpoints' rates were measured. */
  speed: positive('speed').default(1),
  pricePerHour: notNegative('pricePerHour').default(0),
  /** Reserved for user groups of this pool. */
  pool: PoolName.optional(),
  /** Endpoints with a replica there now. */
  holds: z.array(EndpointName).max(10_000).default([]),
});
export type InventoryShard = z.infer<typeof InventoryShard>;

export const LinkClass = z.enum(['internet', 'dedicated', 'wireless']);
export type LinkClass = z.infer<typeof LinkClass>;

/** Between two regions, the same in both directions. */
export const Link = z.object({
  between: z.tuple([RegionName, RegionName]),
  class: LinkClass.default('internet'),
  /** Round trip; what the class usually has when not given, like the rest. */
  latencyMs: notNegative('latencyMs').optional(),
  mbitPerS: positive('mbitPerS').optional(),
  pricePerGb: notNegative('pricePerGb').optional(),
  lossShare: z.number().min(0).max(0.9).optional(),
});
export type Link = z.infer<typeof Link>;

export const Run = z.object({
  /** One request alone. */
  serviceMs: positive('serviceMs'),
  /** What one replica answers in a second with all of the device to itself. */
  ratePerS: positive('ratePerS'),
});

export const UserGroup = z.object({
  name: z.string().min(1).max(64),
  /** Where these users are. */
  home: RegionName,
  ratePerS: notNegative('ratePerS'),
  /** Residency: their requests may be answered nowhere else. */
  regions: z.array(RegionName).min(1).max(256).optional(),
  /** Only shards of this pool answer them. */
  pool: PoolName.optional(),
  /** All of them are answered by this shard. */
  pin: InstanceName.optional(),
  /** Which share of them each region answers now. */
  now: z.record(RegionName, z.number().min(0).max(1)).optional(),
});
export type UserGroup = z.infer<typeof UserGroup>;

export const Spread = z.object({
  over: z.enum(['region', 'zone']).default('region'),
  domains: z.int().min(1).max(16).default(1),
  /** This share of the demand still fits when any one domain is lost. */
  survives: z.number().min(0).max(1).default(0),
});

export const PlacementEndpoint = z.object({
  name: EndpointName,
  policy: PlacementPolicy.default('proportional'),
  /** Of one replica. */
  memoryBytes: positive('memoryBytes'),
  /** On which devices it runs, and how fast; at least one. */
  runs: z.object({ cpu: Run.optional(), cuda: Run.optional() }),
  /** Request and answer together: what crosses a link. */
  bytesPerRequest: notNegative('bytesPerRequest').default(0),
  /** Nobody is answered where round trip and run alone take longer. */
  withinMs: positive('withinMs').optional(),
  spread: Spread.default({ over: 'region', domains: 1, survives: 0 }),
  groups: z.array(UserGroup).min(1).max(64),
});
export type PlacementEndpoint = z.infer<typeof PlacementEndpoint>;

export const PlacementProblem = z.object({
  shards: z.array(InventoryShard).min(1, 'there is no shard to place on').max(100_000),
  links: z.array(Link).max(10_000).default([]),
  endpoints: z.array(PlacementEndpoint).max(100_000),
});
export type PlacementProblem = z.infer<typeof PlacementProblem>;

/** What kept an endpoint from being placed. */
export const PlacementConstraint = z.enum([
  'memory',
  'device',
  'capacity',
  'residency',
  'spread',
  'pool',
  'latency',
  'pin',
]);
export type PlacementConstraint = z.infer<typeof PlacementConstraint>;

export const PlannedEndpoint = z.object({
  name: EndpointName,
  shards: z.array(InstanceName),
  /** What each of them is given, in requests a second. */
  ratesPerS: z.record(InstanceName, z.number()),
  /** Per user group, which share each region answers. */
  shares: z.record(z.string(), z.record(RegionName, z.number())),
  costPerHour: z.number(),
  p99Ms: z.number(),
  why: z.string(),
});
export type PlannedEndpoint = z.infer<typeof PlannedEndpoint>;

export const PlacementPlan = z.object({
  policy: PlacementPolicy,
  /** `greedy`: by rules of thumb; `feasible`: the solver's best when its time was up; `optimal`: proven within its gap. */
  quality: z.enum(['greedy', 'feasible', 'optimal']),
  endpoints: z.array(PlannedEndpoint),
  unplaced: z.array(z.object({ name: EndpointName, constraint: PlacementConstraint, reason: z.string() })),
  replicas: z.int(),
  /** Devices by the share of them that is used, and links by what crosses them. */
  costPerHour: z.number(),
  /** What the intelligent policy makes small: the cost, travel time, moves and what is left out, in prices per hour. */
  objective: z.number(),
  /** Of the intelligent policy: the same if nothing were changed. Not there where devices would be too busy or too full so. */
  asIs: z.number().optional(),
  /** What 99 of 100 requests stay below, estimated. */
  p99Ms: z.number(),
  /** Of all demand that is answered somewhere now: how much of it another region would answer. */
  movedShare: z.number(),
  tookMs: z.number(),
});
export type PlacementPlan = z.infer<typeof PlacementPlan>;

export const PlansReply = z.object({ plans: z.array(PlacementPlan) });
export type PlansReply = z.infer<typeof PlansReply>;
