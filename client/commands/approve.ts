// `massif approve MODEL VERSION`: shows what a version is and puts a second person's signature under it.
import { nuid } from '@nats-io/transport-node';
import { APPROVAL_DAYS_MAX } from '../../contracts/approval.js';
import { shortDigest } from '../../contracts/names.js';
import { signApproval } from '../../services/mesh/trust/approval.js';
import { privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { argument, type Command, type Invocation, text, UsageError, wholeNumber } from '../cli/command.js';
import { readKeyFile } from '../cli/key-files.js';
import { bytesText } from '../cli/table.js';

const DAYS = 365;
const DAY_MS = 86_400_000;

export const approve: Command = {
  name: 'approve',
  usage: 'approve MODEL VERSION --reason TEXT [--days N] [--show]',
  argumentsMax: 2,
  summary: 'approves a version that somebody else published; the trust policy says how many it takes',
  help: `  --reason TEXT      why it may run, for the record
  --days N           for how long it counts (${DAYS}, at most ${APPROVAL_DAYS_MAX})
  --show             only tells what would be approved, with what the scan of its graph found
  --key FILE         the approver's key (else MASSIF_KEYS/approver.pem, else that of the mesh on this machine)`,
  options: {
    reason: { type: 'string' },
    days: { type: 'string' },
    show: { type: 'boolean' },
    key: { type: 'string' },
  },
  async run(invocation: Invocation) {
    const { args, values, client, clock, out } = invocation;
    const query = { model: argument(args, 0, 'MODEL'), version: argument(args, 1, 'VERSION') };
    const reason = text(values, 'reason');
    const days = wholeNumber(values, 'days') ?? DAYS;
    if (days < 1 || days > APPROVAL_DAYS_MAX)
      throw new UsageError(`--days must be 1 to ${APPROVAL_DAYS_MAX}, got ${days}`);
    if (!reason && values['show'] !== true)
      throw new UsageError('--reason says why it may run; --show only looks');
    const { registry } = await client('routed');
    const version = await registry.show(query);
    const { model, digest, label, signer, bytes, findings = [] } = version;
    const about = [
      `${model} ${label} ${shortDigest(digest)}: ${bytesText(bytes)}, published by ${signer.person}`,
      ...findings.map((finding) => `  look: ${finding}`),
    ].join('\n');
    if (values['show'] === true) return out.show({ model, version: digest, signer, findings }, () => about);
    out.note(about);
    const key = privateKeyOf(await readKeyFile(invocation, 'approver.pem', 'who approves'));
    const now = clock.now();
    const policyVersion = (await registry.policy()).version;
    const envelope = signApproval(
      {
        model,
        version: digest,
        policyVersion,
        nonce: nuid.next(),
        reason: reason ?? '',
        issuedAt: new Date(now).toISOString(),
        expiresAt: new Date(now + days * DAY_MS).toISOString(),
      },
      key,
    );
    const reply = await registry.approve({ model, version: digest, envelope });
    const { person, counted, needed } = reply;
    out.show(
      { model, version: digest, person, counted, needed },
      () => `approved by ${person}: ${counted} of ${needed} needed${counted >= needed ? ', it may run' : ''}`,
    );
  },
};
