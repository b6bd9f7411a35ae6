// Asks of each request at the REST and gRPC doors who sends it and whether they may. What it knows are the records of keys and tenants;
// identity-watch.ts brings them. In development mode everybody may everything, which is why that mode is for loopback alone.
import { failure } from '../../../contracts/errors.js';
import {
  type KeyRecord,
  PERMISSIONS,
  type Permission,
  type Quota,
  type TenantRecord,
} from '../../../contracts/identity.js';
import type { Clock } from '../../mesh/clock.js';
import { matches, readCredential } from './credential.js';
import type { Needed } from './permission.js';
import { Quotas } from './quotas.js';

export interface Visitor {
  /** Undefined in development mode: the caller's own word counts. */
  readonly tenant: string | undefined;
  /** Its id. */
  readonly key?: string;
  readonly leave: () => void;
  /** Throws NOT_ALLOWED where the key is not for this model. */
  readonly checkEndpoint: (endpoint: string) => void;
}

export interface Presented {
  readonly authorization: string | undefined;
  /** What the caller says of itself. */
  readonly tenant: string | undefined;
}

const NOBODY: Visitor = { tenant: undefined, leave: () => undefined, checkEndpoint: () => undefined };
const UNBOUND: Quota = {};

export class Guard {
  readonly keys = new Map<string, KeyRecord>();
  readonly tenants = new Map<string, TenantRecord>();
  private readonly quotas: Quotas;

  constructor(
    readonly mode: 'keys' | 'development',
    private readonly clock: Pick<Clock, 'monotonicMs' | 'now'>,
  ) {
    this.quotas = new Quotas(clock);
  }

  /** Throws UNAUTHENTICATED, NOT_ALLOWED or RATE_LIMITED. */
  admit(presented: Presented, { permission, endpoint }: Needed): Visitor {
    if (this.mode === 'development' || permission === 'open') return NOBODY;
    const key = this.keyOf(presented.authorization);
    if (!permissionsOf(key).has(permission))
      throw failure(
        'NOT_ALLOWED',
        `The key ${key.id} (${key.roles.join(', ')}) lacks the permission "${permission}".`,
        { key: key.id },
      );
    if (presented.tenant !== undefined && presented.tenant !== key.tenant)
      throw failure('NOT_ALLOWED', `The key ${key.id} is not of the tenant that the request names.`, {
        key: key.id,
      });
    const checkEndpoint = (name: string): void => {
      if (key.endpoints === undefined || key.endpoints.includes(name)) return;
      throw failure('NOT_ALLOWED', `The key ${key.id} is not for this model.`, { key: key.id });
    };
    if (endpoint !== undefined) checkEndpoint(endpoint);
    const { tenant } = key;
    const leave =
      permission === 'infer'
        ? this.quotas.enter(tenant, this.tenants.get(tenant)?.quota ?? UNBOUND)
        : NOBODY.leave;
    return { tenant, key: key.id, leave, checkEndpoint };
  }

  private keyOf(authorization: string | undefined): KeyRecord {
    if (authorization === undefined)
      throw failure('UNAUTHENTICATED', 'This door wants a key: Authorization: Bearer msf_...');
    const credential = readCredential(authorization);
    const key = credential && this.keys.get(credential.id);
    // One sentence for all that fails: who tries keys learns nothing of which there are.
    if (!key || !matches(credential, key)) throw failure('UNAUTHENTICATED', 'This is no key of this mesh.');
    if (Date.parse(key.expiresAt) <= this.clock.now())
      throw failure('UNAUTHENTICATED', `The key ${key.id} ended at ${key.expiresAt}.`, { key: key.id });
    return key;
  }
}

const permissionsOf = ({ roles }: KeyRecord): ReadonlySet<Permission> =>
  new Set(roles.flatMap((role) => PERMISSIONS[role]));
