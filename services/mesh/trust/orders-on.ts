// What orders of safety say of a version and of an arm. The order book answers; routes and stand-ins ask.
import type { Digest } from '../../../contracts/names.js';

export interface OrdersOn {
  /** Why a version gets no request at all. */
  version(digest: Digest): string | undefined;
  /** Why an arm of the endpoint takes no share, and who takes it over: all others in proportion when it does not say. */
  arm(
    endpoint: string,
    arm: string,
  ): { readonly why: string; readonly fallback?: string | undefined } | undefined;
}
