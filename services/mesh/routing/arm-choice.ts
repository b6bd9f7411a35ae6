// The first half of the route: endpoint to arm. A version asked for by name, then the endpoint's rules, then experiment and weights;
// orders of safety overrule all of them. Pure; route.ts goes on from here to a replica.
import type { ErrorCode } from '../../../contracts/errors.js';
import { type Digest, shortDigest } from '../../../contracts/names.js';
import { armOf, type EndpointRecord, type Variant } from '../../../contracts/registry.js';
import { type Experiment, type Rule, WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import { bucketOf, variantOf } from '../bucket.js';
import { partIn, slotOf } from '../experiment-slot.js';
import type { Random } from '../random.js';
import { type Matchable, whyNot } from './rule-match.js';

export interface ArmRequest extends Matchable {
  /** The same user sees the same version, and the same replica while it has room. */
  readonly user?: string | undefined;
  /** Label or digest (12 digits are enough); bypasses the weights, never the gate. */
  readonly version?: string | undefined;
}

/** What orders of safety leave of an endpoint: its weights and table are what remains (orders-applied.ts), and the rest is here. */
export interface Withheld {
  /** By version: why no request gets it. */
  readonly versions: ReadonlyMap<Digest, string>;
  /** By arm: why it takes no share. */
  readonly arms: ReadonlyMap<string, string>;
  /** No arm is left that has a share. */
  readonly all: boolean;
}

export interface RoutedEndpoint extends EndpointRecord {
  readonly withheld?: Withheld;
}

export type Say = ((reason: string) => void) | undefined;

export interface Choice {
  readonly variant: Variant;
  readonly bucket?: number;
  readonly rule?: string;
}
type NoChoice = { readonly code: ErrorCode; readonly message: string };

/** Endpoint to arm: the name asked for, then the rules, then experiment and weights. */
export function chooseArm(
  endpoint: RoutedEndpoint,
  request: ArmRequest,
  region: string,
  random: Random,
  say: Say,
): Choice | NoChoice {
  const { user, version } = request;
  if (version !== undefined) {
    const variant = named(endpoint, version);
    if (!variant) return { code: 'VERSION_UNKNOWN', message: unknownVersion(endpoint, version) };
    const why = endpoint.withheld?.versions.get(variant.version);
    if (why !== undefined)
      return {
        code: 'WITHHELD',
        message: `Version ${variant.label} of ${endpoint.name} is withheld: ${why}.`,
      };
    say?.(`version ${variant.label} was asked for by name, so rules and weights do not count`);
    return { variant };
  }
  const ruled = endpoint.rules && byRule(endpoint, endpoint.rules, request, region, say);
  if (ruled) return ruled;
  if (endpoint.withheld) {
    for (const [arm, why] of endpoint.withheld.arms) say?.(`${arm} takes no share: ${why}`);
    if (endpoint.withheld.all)
      return { code: 'WITHHELD', message: `Every version of ${endpoint.name} that has a share is withheld.` };
  }
  if (endpoint.variants.length === 1 && isFree(endpoint, user)) {
    const variant = endpoint.variants[0] as Variant;
    say?.(`the endpoint has one version, ${variant.label}`);
    return { variant };
  }
  if (user === undefined) return withoutUser(endpoint, random, say);
  const outside = endpoint.experiment && controlFor(endpoint, endpoint.experiment, user, say);
  if (outside) return outside;
  const bucket = bucketOf(endpoint.salt, user);
  const variant = variantOf(endpoint, bucket);
  say?.(`the user falls into bucket ${bucket} of ${WEIGHT_TOTAL}, which belongs to ${inWords(variant)}`);
  return { variant, bucket };
}

function byRule(
  endpoint: RoutedEndpoint,
  rules: readonly Rule[],
  request: ArmRequest,
  region: string,
  say: Say,
): Choice | undefined {
  for (const rule of rules) {
    const why = whyNot(rule, request, region);
    if (why !== undefined) {
      say?.(`rule ${rule.name} does not match: ${why}`);
      continue;
    }
    const variant = ofArm(endpoint, rule.arm);
    if (variant) {
      say?.(`rule ${rule.name} matches and names ${inWords(variant)}, so the weights do not count`);
      return { variant, rule: rule.name };
    }
    say?.(`rule ${rule.name} matches, but ${rule.arm} takes no traffic now`);
  }
  return undefined;
}

function withoutUser(endpoint: RoutedEndpoint, random: Random, say: Say): Choice | NoChoice {
  const fallback = endpoint.withoutUser ?? (endpoint.assignment === 'user' ? 'refuse' : 'draw');
  if (fallback === 'refuse')
    return { code: 'USER_REQUIRED', message: `Endpoint ${endpoint.name} splits by user.` };
  if (fallback !== 'draw') {
    const variant = ofArm(endpoint, fallback.arm);
    if (variant) {
      say?.(`a call without a user gets ${inWords(variant)}, as the endpoint says`);
      return { variant };
    }
  }
  const bucket = Math.floor(random() * WEIGHT_TOTAL);
  const variant = variantOf(endpoint, bucket);
  say?.(`without a user bucket ${bucket} was drawn, which belongs to ${inWords(variant)}`);
  return { variant, bucket };
}

/** The control arm for whoever is not in the experiment. */
function controlFor(
  endpoint: RoutedEndpoint,
  experiment: Experiment,
  user: string,
  say: Say,
): Choice | undefined {
  const slot = slotOf(experiment.salt, user);
  const part = partIn(experiment, slot);
  const where = `slot ${slot} of group ${experiment.group}`;
  if (part === 'in') {
    say?.(`the user is in ${where}, which belongs to this experiment`);
    return undefined;
  }
  const variant = ofArm(endpoint, experiment.control);
  say?.(
    `the user is in ${where}, ${part === 'holdout' ? 'the holdout' : 'not of this experiment'}: ` +
      (variant ? `control, ${inWords(variant)}` : `control ${experiment.control} takes no traffic now`),
  );
  return variant && { variant };
}

/** Whether weights alone decide: nobody is asked who the user is. */
const isFree = ({ assignment, withoutUser: fallback }: EndpointRecord, user: string | undefined): boolean =>
  user !== undefined || (assignment === 'request' && fallback === undefined);

/** Undefined for an arm that an order withholds: whoever would get it goes by the weights that remain. */
function ofArm({ variants, withheld }: RoutedEndpoint, arm: string): Variant | undefined {
  if (withheld?.arms.has(arm)) return undefined;
  return variants.find((variant) => armOf(variant) === arm);
}

const inWords = (variant: Variant): string =>
  variant.arm === undefined || variant.arm === variant.label
    ? variant.label
    : `${variant.arm} (${variant.label})`;

function named(endpoint: EndpointRecord, version: string): Variant | undefined {
  return (
    endpoint.variants.find(({ label }) => label === version) ??
    (version.length >= 12 ? endpoint.variants.find((v) => v.version.startsWith(version)) : undefined)
  );
}

function unknownVersion(endpoint: EndpointRecord, version: string): string {
  const served = endpoint.variants.map(({ label, version: digest }) => `${label} (${shortDigest(digest)})`);
  return `Endpoint ${endpoint.name} does not serve ${version}; it serves ${served.join(', ')}.`;
}
