// Versions that are whole, and that the trust policy does not let run: keys that do not count here and now, versions that were taken back, approvals
// that are none. Each control is the same version under a policy without that rule.
import { type Envelope, PAYLOAD_TYPE } from '../../contracts/manifest.js';
import { type AttackClass, nth } from './class.js';
import { approved, type Make, makeVersion, personOf, TERMS, TWO } from './kit.js';

const two = () => `${TWO}-${Math.random().toString(36).slice(2, 10)}`;

const byKey = (name: string, sort: Parameters<typeof personOf>[0]): AttackClass => ({
  name,
  control: 'lenient',
  ways: TERMS,
  make: (attempt) => makeVersion({ by: personOf(sort, attempt) }),
});

type Of = { readonly model: string; readonly digest: string };
type Approvals = (of: Of) => Envelope[];

const approvals = (name: string, ways: readonly Approvals[]): AttackClass => ({
  name,
  control: 'lenient',
  ways: ways.length,
  make: (attempt) => makeVersion({ model: two(), approvals: nth(ways, attempt) }),
});
/** Two approvers in different ways, each with the same thing wrong. */
const both = (more: (of: Of) => { model?: string; digest?: string } & object): Approvals => {
  return (of) => {
    const { model = of.model, digest = of.digest, ...rest } = more(of) as Partial<Of> & object;
    return (['bob', 'cid'] as const).map((name) => approved({ model, digest }, name, rest));
  };
};
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const over = (ms: number) => both(() => ({ issuedAt: ago(ms + MONTH_MS), expiresAt: ago(ms) }));
const MONTH_MS = 30 * 86_400_000;

const spoilt = (at: (length: number) => number, part: 'payload' | 'signature'): Approvals => {
  return (of) => {
    const second = approved(of, 'cid');
    const [first] = second.signatures;
    const text = part === 'payload' ? second.payload : (first?.sig ?? '');
    const bytes = Buffer.from(text, 'base64');
    const place = at(bytes.length);
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    const changed = bytes.toString('base64');
    const envelope =
      part === 'payload'
        ? { ...second, payload: changed }
        : { ...second, signatures: [{ keyid: first?.keyid ?? '', sig: changed }] };
    return [approved(of, 'bob'), envelope];
  };
};

/** The drill puts these into the policy's list. */
export const REVOKED = 'a revoked version';
const revocable: readonly Make[] = [
  {},
  { model: 'revoked-alone' },
  { approvals: (of) => [approved(of, 'bob'), approved(of, 'cid')] },
  { model: `${TWO}-revoked`, approvals: (of) => [approved(of, 'bob'), approved(of, 'cid')] },
  { model: 'attack-0' },
];

export const policies: readonly AttackClass[] = [
  byKey('a key that nobody trusts', 'stranger'),
  byKey('a key whose term is over', 'late'),
  byKey('a key whose term has not begun', 'early'),
  byKey('a revoked key', 'revoked'),
  byKey('a key for other models', 'narrow'),
  byKey('a key for another region', 'elsewhere'),
  {
    name: REVOKED,
    control: 'lenient',
    ways: revocable.length,
    make: (attempt) => makeVersion(nth(revocable, attempt)),
  },
  approvals('no approval', [
    () => [],
    (of) => [{ ...approved(of, 'bob'), signatures: [{ sig: '', keyid: '' }] }],
    (of) => [makeVersion({ model: of.model }).record.bundle.dsseEnvelope],
    (of) => ['bob', 'cid'].map((name) => ({ ...approved(of, name as 'bob'), payloadType: PAYLOAD_TYPE })),
    (of) => [approved(of, 'bob'), approved(of, 'cid')].map((one) => ({ ...one, payload: '' })),
  ]),
  approvals('one approval of two', [
    (of) => [approved(of, 'bob')],
    (of) => [approved(of, 'cid')],
    (of) => [approved(of, 'bob'), { ...approved(of, 'cid'), signatures: [{ sig: '', keyid: '' }] }],
    (of) => [approved(of, 'cid'), { ...approved(of, 'bob'), payloadType: PAYLOAD_TYPE }],
    (of) => [approved(of, 'bob'), { ...approved(of, 'bob'), signatures: approved(of, 'cid').signatures }],
  ]),
  approvals('one approver twice', [
    (of) => [approved(of, 'bob'), approved(of, 'bob')],
    (of) => [approved(of, 'cid'), approved(of, 'cid')],
    (of) => [approved(of, 'bob'), approved(of, 'bob', { reason: 'another reason' }), approved(of, 'bob')],
    (of) => {
      const one = approved(of, 'bob');
      return [one, one];
    },
    (of) => {
      const one = approved(of, 'cid');
      return [one, { ...one, signatures: [...one.signatures, ...one.signatures] }];
    },
  ]),
  approvals('the publisher as approver', [
    (of) => [approved(of, 'bob'), approved(of, 'good')],
    (of) => [approved(of, 'good'), approved(of, 'cid')],
    (of) => [approved(of, 'good'), approved(of, 'good')],
    (of) => [approved(of, 'good')],
    (of) => [approved(of, 'good'), approved(of, 'bob'), approved(of, 'good')],
  ]),
  approvals('approvals of another version', [
    both(() => ({ digest: 'd'.repeat(64) })),
    both(() => ({ digest: makeVersion().record.digest })),
    both(() => ({ digest: '0'.repeat(64) })),
    both(({ digest }) => ({ digest: `${digest.slice(1)}${digest[0]}` })),
    (of) => [approved(of, 'bob'), approved({ ...of, digest: 'e'.repeat(64) }, 'cid')],
  ]),
  approvals('approvals of another model', [
    both(() => ({ model: 'another' })),
    both(({ model }) => ({ model: model.toUpperCase() })),
    both(({ model }) => ({ model: `${model}-2` })),
    both(() => ({ model: TWO })),
    (of) => [approved(of, 'bob'), approved({ ...of, model: `${of.model}x` }, 'cid')],
  ]),
  approvals('approvals that are over', [
    both(() => ({ issuedAt: '2020-01-01T00:00:00Z', expiresAt: '2021-01-01T00:00:00Z' })),
    over(1_000),
    over(3_600_000),
    over(86_400_000),
    (of) => [approved(of, 'bob'), approved(of, 'cid', { issuedAt: ago(MONTH_MS), expiresAt: ago(60_000) })],
  ]),
  approvals('an approval by a revoked key', [
    (of) => [approved(of, 'bob'), approved(of, 'gone')],
    (of) => [approved(of, 'gone'), approved(of, 'cid')],
    (of) => [approved(of, 'gone'), approved(of, 'gone')],
    (of) => [approved(of, 'gone')],
    (of) => [approved(of, 'gone'), approved(of, 'bob'), approved(of, 'gone')],
  ]),
  approvals('an approval that counts elsewhere', [
    (of) => [approved(of, 'bob'), approved(of, 'west')],
    (of) => [approved(of, 'west'), approved(of, 'cid')],
    (of) => [approved(of, 'west'), approved(of, 'west')],
    (of) => [approved(of, 'west')],
    (of) => [approved(of, 'west'), approved(of, 'gone'), approved(of, 'bob')],
  ]),
  approvals(
    'an approval by a publisher',
    (['late', 'narrow', 'elsewhere', 'early', 'stranger'] as const).map((name) => (of: Of) => [
      approved(of, 'bob'),
      approved(of, name),
    ]),
  ),
  approvals('an approval that was changed', [
    spoilt((length) => length - 5, 'payload'),
    spoilt(() => 12, 'payload'),
    spoilt((length) => length >> 1, 'payload'),
    spoilt((length) => length - 1, 'signature'),
    spoilt(() => 8, 'signature'),
  ]),
];
