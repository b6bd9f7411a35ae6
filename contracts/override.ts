// Orders of safety that do not wait for the home region: weight to 0, kill, quarantine. Each region has a small bucket of them
// (buckets.overrides); an order is a DSSE envelope signed by an operator of the trust policy with Ed25519. Routers, gateways,
// clients and shards check each order themselves: whatever lies in a bucket is only a hint.
import { z } from 'zod';
import { Envelope } from './manifest.js';
import { TRUST_POLICY_TYPE } from './trust-policy.js';
import { Digest, EndpointName, InstanceName, ModelName, RegionName } from './names.js';
import { ArmName } from './traffic.js';

export const ORDER_TYPE = 'application/vnd.massif.order+json';
export const ORDER_DAYS_MAX = 7;
/** Orders that one region may have in force; a bucket is no place to keep rules in. */
export const ORDERS_MAX = 1_000;
/** An order from the future by more than this is refused: somebody's clock is wrong, or somebody lies. */
export const ORDER_SKEW_MS = 30_000;

export const OrderTarget = z.discriminatedUnion('kind', [
  /** No share of the endpoint's traffic for this arm: its share goes to the others in proportion, or to `fallback`. */
  z.strictObject({
    kind: z.literal('arm'),
    endpoint: EndpointName,
    arm: ArmName,
    fallback: ArmName.optional(),
  }),
  /** No traffic at all for this version, on any endpoint; asked for by name it is refused. */
  z.strictObject({ kind: z.literal('version'), model: ModelName, version: Digest }),
  /** No traffic for anything that this shard serves: it is not believed to run what it says. */
  z.strictObject({ kind: z.literal('shard'), shard: InstanceName }),
]);
export type OrderTarget = z.infer<typeof OrderTarget>;

/**
 * `weight-zero` is for an arm. `quarantine` and `kill` are for a version or a shard: routes leave it out and shards hold it no more; `kill` ends
 * its engines at once, whatever they run. `lift` takes back what was said of the same target before.
 */
export const OrderAction = z.enum(['weight-zero', 'quarantine', 'kill', 'lift']);
export type OrderAction = z.infer<typeof OrderAction>;

export const Order = z
  .strictObject({
    /** Never the same twice. */
    nonce: z.string().regex(/^[\w-]{16,64}$/),
    /** The region whose bucket it is for: taken to another it counts for nothing. */
    region: RegionName,
    /** Of one target and region only ever grows: an order that comes again is old. */
    sequence: z.int().min(1),
    target: OrderTarget,
    action: OrderAction,
    reason: z.string().min(1).max(500),
    issuedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .refine(
    ({ target, action }) => action === 'lift' || (target.kind === 'arm') === (action === 'weight-zero'),
    {
      message: 'weight-zero is for an arm, kill and quarantine are for a version or a shard',
    },
  )
  .refine(
    ({ issuedAt, expiresAt }) => {
      const ms = Date.parse(expiresAt) - Date.parse(issuedAt);
      return ms > 0 && ms <= ORDER_DAYS_MAX * 86_400_000;
    },
    { message: `an order ends after it began, and within ${ORDER_DAYS_MAX} days` },
  );
export type Order = z.infer<typeof Order>;

/** As it lies in the bucket. The key is the target's, so that a newer order takes the place of an older one. */
export const OrderRecord = z.strictObject({ envelope: Envelope });
export type OrderRecord = z.infer<typeof OrderRecord>;

/** What those go by who have no files of keys (the client library): the trust root of the region and the policy that it signed. */
export const TrustRecord = z.strictObject({
  rootPublicKeyPem: z.string(),
  policy: Envelope.refine((envelope) => envelope.payloadType === TRUST_POLICY_TYPE),
});
export type TrustRecord = z.infer<typeof TrustRecord>;

/** Operator -> a router of the region, which checks the order and writes it into the bucket. */
export const OverrideRequest = z.object({ envelope: Envelope });
export type OverrideRequest = z.infer<typeof OverrideRequest>;

export const OrderInForce = z.object({
  order: Order,
  /** The operator that the policy names for the key. */
  person: z.string(),
});
export type OrderInForce = z.infer<typeof OrderInForce>;
export const OverrideReply = z.object({ accepted: OrderInForce });
export type OverrideReply = z.infer<typeof OverrideReply>;
export const OverridesReply = z.object({ region: RegionName, orders: z.array(OrderInForce) });
export type OverridesReply = z.infer<typeof OverridesReply>;
