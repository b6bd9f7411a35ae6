// A signed plan of taps: made by the auditor, checked by shard hosts and once more by engines. Played again or taken to another version it does nothing: it
// names its version, and all it can do is add outputs that no caller gets.
import type { KeyObject } from 'node:crypto';
import { failure } from '../../../contracts/errors.js';
import type { Envelope } from '../../../contracts/manifest.js';
import type { Digest } from '../../../contracts/names.js';
import { TapPlan, TAPS_TYPE } from '../../../contracts/taps.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { operatorsWord, signAsOperator } from './order.js';
import { strictJson } from '../strict-json.js';

const BYTES_MAX = 8 * 1_024;

export const signTapPlan = (plan: TapPlan, privateKey: KeyObject): Envelope =>
  signAsOperator(TAPS_TYPE, TapPlan.parse(plan), privateKey);

/** Throws UNSIGNED. */
export function verifyTapPlan(
  envelope: Envelope,
  policy: TrustPolicy,
  { version, nowMs }: { readonly version: Digest; readonly nowMs: number },
): TapPlan {
  const { body } = operatorsWord(envelope, TAPS_TYPE, policy, nowMs);
  const read = TapPlan.safeParse(strictJson(body, 'The plan of taps', { bytesMax: BYTES_MAX }));
  if (!read.success) throw failure('UNSIGNED', 'The plan of taps has not the agreed form.', {}, read.error);
  if (read.data.version !== version)
    throw failure('UNSIGNED', 'The plan of taps is that of another version.', { version: read.data.version });
  return read.data;
}
