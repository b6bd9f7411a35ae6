// A policy with one operator, and orders of theirs: a test names what matters to it.
import type { Envelope } from '../../../contracts/manifest.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import type { Order, OrderTarget } from '../../../contracts/override.js';
import { signOrder } from '../trust/order.js';
import { newKeyPair, privateKeyOf } from '../trust/signing-key.js';

const OPERATOR = newKeyPair('operator');
export const operatorKey = privateKeyOf(OPERATOR.privateKeyPem);

export const orderPolicy: TrustPolicy = {
  version: 1,
  publishers: [],
  operators: [
    {
      fingerprint: OPERATOR.fingerprint,
      publicKeyPem: OPERATOR.publicKeyPem,
      person: 'ada',
      notBefore: '2020-01-01T00:00:00Z',
      notAfter: '2099-01-01T00:00:00Z',
    },
  ],
};

export const ofVersion = (version: string): OrderTarget => ({ kind: 'version', model: 'ocr', version });

let last = 0;

/** Newer than every one before; from `fromMs` it counts for an hour. */
export function anOrder(given: Partial<Order> & Pick<Order, 'target'>, fromMs = Date.now()): Order {
  return {
    nonce: `nonce-of-a-test-${++last}`,
    region: 'west',
    sequence: fromMs + last,
    action: given.target.kind === 'arm' ? 'weight-zero' : 'quarantine',
    reason: 'bad answers',
    issuedAt: new Date(fromMs).toISOString(),
    expiresAt: new Date(fromMs + 3_600_000).toISOString(),
    ...given,
  };
}

export const signed = (order: Order): Envelope => signOrder(order, operatorKey);
