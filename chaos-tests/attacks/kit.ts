// What the drill of attacks is made with: people with keys, a trust policy that knows them, its lenient twin in which what stopped each
// attempt is allowed, and versions that are right in everything but one thing.
import { createHash } from 'node:crypto';
import type { Approval } from '../../contracts/approval.js';
import type { Bundle, Envelope } from '../../contracts/manifest.js';
import { Card, type VersionRecord } from '../../contracts/registry.js';
import type { TrustPolicy } from '../../contracts/trust-policy.js';
import { signApproval } from '../../services/mesh/trust/approval.js';
import { signManifest } from '../../services/mesh/trust/manifest.js';
import { type KeyPair, newKeyPair, privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import type { SignedVersion } from '../../services/shard/testing/signed-version.js';

export const REGION = 'east';
/** Models whose names begin so need two approvals. */
export const TWO = 'two';

/** In how many ways a key of each sort does not count. */
export const TERMS = 5;
const SORTS = ['late', 'early', 'revoked', 'narrow', 'elsewhere', 'stranger'] as const;
type Sort = (typeof SORTS)[number];
export type Person = 'good' | Sort | `${Sort}${1 | 2 | 3 | 4}`;
export function personOf(sort: Sort, way: number): Person {
  return way % TERMS === 0 ? sort : (`${sort}${way % TERMS}` as Person);
}
const PEOPLE: readonly Person[] = [
  'good',
  ...SORTS,
  ...SORTS.flatMap((sort) => Array.from({ length: TERMS - 1 }, (_, i) => personOf(sort, i + 1))),
];
const APPROVERS = ['bob', 'cid', 'good', 'gone', 'west'] as const;
export type ApproverName = (typeof APPROVERS)[number];

export const keys = Object.fromEntries(PEOPLE.map((name) => [name, newKeyPair('publisher')])) as Record<
  Person,
  KeyPair
>;
export const approverKeys = Object.fromEntries(
  APPROVERS.map((name) => [name, newKeyPair('approver', name === 'cid' ? 'P-384' : 'P-256')]),
) as Record<ApproverName, KeyPair>;

const [SECOND, HOUR, DAY] = [1_000, 3_600_000, 86_400_000];
const AGO = [-SECOND, -HOUR, -DAY, -365 * DAY];
const AHEAD = [HOUR, DAY, 30 * DAY, 365 * DAY];
const from = (ms: number): string => new Date(Date.now() + ms).toISOString();
const LONG = { notBefore: '2020-01-01T00:00:00Z', notAfter: '2099-01-01T00:00:00Z' };
const term = (person: string, { fingerprint, publicKeyPem }: KeyPair, more: object = {}) => ({
  fingerprint,
  publicKeyPem,
  person,
  models: ['*'],
  ...LONG,
  ...more,
});

export function strictPolicy(version: number, revoked: readonly string[]): TrustPolicy {
  const past = '2021-01-01T00:00:00Z';
  const sorted = (sort: Sort, ways: readonly object[]) =>
    ways.map((more, way) => term(personOf(sort, way), keys[personOf(sort, way)], more));
  return {
    version,
    publishers: [
      term('good', keys.good),
      ...sorted(
        'late',
        [past, ...AGO.map(from)].map((notAfter) => ({ notAfter })),
      ),
      ...sorted(
        'early',
        ['2098-01-01T00:00:00Z', ...AHEAD.map(from)].map((notBefore) => ({ notBefore })),
      ),
      ...sorted(
        'revoked',
        [past, ...AGO.map(from)].map((revokedAt) => ({ revokedAt })),
      ),
      ...sorted(
        'narrow',
        [['other*'], ['attack'], ['Attack-*'], ['*-attack', 'two*'], ['attack-0']].map((models) => ({
          models,
        })),
      ),
      ...sorted(
        'elsewhere',
        [['west'], ['north', 'south'], ['east2'], ['eas'], ['west', 'east-1']].map((regions) => ({
          regions,
        })),
      ),
    ],
    approvers: [
      term('bob', approverKeys.bob),
      term('cid', approverKeys.cid),
      term('good', approverKeys.good),
      term('gone', approverKeys.gone, { revokedAt: past }),
      term('west', approverKeys.west, { regions: ['west'] }),
    ],
    approvals: [{ models: [`${TWO}*`], needed: 2 }],
    revokedVersions: revoked.map((digest) => ({ version: digest, reason: 'part of the drill' })),
  };
}

/** The checks of who, when, where and how many switched off: everybody is a publisher for good, nobody need approve. */
export const lenientPolicy = (version: number): TrustPolicy => ({
  version,
  publishers: PEOPLE.map((name) => term(name, keys[name])),
});

export interface Make {
  readonly model?: string;
  readonly by?: Person;
  readonly onnx?: Uint8Array;
  readonly approvals?: (version: { model: string; digest: string }) => Envelope[];
}

let made = 0;

/** Small, whole, and unlike every other. */
export const anyModel = (): Uint8Array => mlp(++made, 4);

export function makeVersion({ model, by = 'good', onnx = anyModel(), approvals }: Make = {}): SignedVersion {
  const name = model ?? `attack-${++made}`;
  const resources = [{ name: 'model.onnx', digest: sha(onnx), bytes: onnx.length }];
  const { bundle, root } = signManifest(name, resources, privateKeyOf(keys[by].privateKeyPem));
  const record: VersionRecord = {
    digest: root,
    model: name,
    label: 'v1',
    state: 'live',
    moves: [],
    createdAt: '2026-01-01T00:00:00Z',
    signer: { fingerprint: keys[by].fingerprint, person: by },
    resources,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 784], dims: ['batch', ''] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 10], dims: ['batch', ''] }],
    opset: 17,
    irVersion: 8,
    parameterCount: 1,
    bytes: onnx.length,
    card: Card.parse({}),
    bundle,
    ...(approvals && { approvals: approvals({ model: name, digest: root }) }),
  };
  return { record, resources: new Map([[sha(onnx), onnx]]) };
}

export const withBundle = (version: SignedVersion, bundle: Bundle): SignedVersion => ({
  ...version,
  record: { ...version.record, bundle },
});

/** The statement inside, changed and signed anew by whoever holds the key. */
export function approved(
  { model, digest }: { model: string; digest: string },
  by: ApproverName | Person,
  more: Partial<Approval> = {},
): Envelope {
  const pair = by in approverKeys ? approverKeys[by as ApproverName] : keys[by as Person];
  const approval: Approval = {
    model,
    version: digest,
    policyVersion: 1,
    nonce: `nonce-of-an-attack-${++made}`,
    reason: 'part of the drill',
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2028-01-01T00:00:00Z',
    ...more,
  };
  return signApproval(approval, privateKeyOf(pair.privateKeyPem));
}

export const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
