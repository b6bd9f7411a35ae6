// The secrets of a mesh on one machine, made on its first start: the trust root, who publishes versions, who gives orders, the
// policy that says so, and what keeps the gossip of two checkouts apart. Production brings its own; nothing here leaves the folder.
import { randomBytes } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Envelope } from '../../contracts/manifest.js';
import {
  fingerprintOf,
  type KeyPair,
  newKeyPair,
  pemOf,
  privateKeyOf,
  publicKeyOf,
} from '../../services/mesh/trust/signing-key.js';
import { TRUST_FILES } from '../../services/mesh/trust/trust-files.js';
import { signPolicy, verifyPolicy } from '../../services/mesh/trust/trust-policy.js';

export interface Keys {
  readonly folder: string;
  /** A Consul configuration file with the gossip key. */
  readonly gossip: string;
}

/** A mesh on one machine is thrown away long before; a policy for production names shorter terms. */
const POLICY_YEARS = 10;

/** Makes what is missing in the folder and leaves the rest as it is. */
export async function prepareKeys(folder: string): Promise<Keys> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The policy is written last: its presence says that what it names is whole.
  if (!(await isThere(join(folder, TRUST_FILES.policy)))) await makeTrust(folder);
  else if (!(await isThere(join(folder, 'auditor.pem')))) await addAuditor(folder);
  const gossip = join(folder, 'gossip.json');
  if (!(await isThere(gossip)))
    await writeSecret(gossip, JSON.stringify({ encrypt: randomBytes(32).toString('base64') }));
  return { folder, gossip };
}

async function makeTrust(folder: string): Promise<void> {
  const root = newKeyPair('root');
  const publisher = newKeyPair('publisher');
  const approver = newKeyPair('approver');
  const operator = newKeyPair('operator');
  const auditor = newKeyPair('auditor');
  const now = new Date();
  const until = new Date(now);
  until.setUTCFullYear(now.getUTCFullYear() + POLICY_YEARS);
  const policy = signPolicy(
    {
      version: 1,
      publishers: [
        {
          fingerprint: fingerprintOf(publicKeyOf(publisher.publicKeyPem)),
          publicKeyPem: publisher.publicKeyPem,
          person: userInfo().username,
          models: ['*'],
          notBefore: now.toISOString(),
          notAfter: until.toISOString(),
        },
      ],
      // No rule asks for approvals on a machine of one's own; who wants to try one finds the key here.
      approvers: [{ ...operatorTerm('approver on this machine', approver, now, until), models: ['*'] }],
      operators: [
        operatorTerm(userInfo().username, operator, now, until),
        operatorTerm('auditor', auditor, now, until),
      ],
    },
    privateKeyOf(root.privateKeyPem),
  );
  await writeSecret(join(folder, 'root.pem'), root.privateKeyPem);
  await writeSecret(join(folder, TRUST_FILES.rootKey), root.publicKeyPem);
  await writeSecret(join(folder, 'publisher.pem'), publisher.privateKeyPem);
  await writeSecret(join(folder, 'publisher.pub.pem'), publisher.publicKeyPem);
  await writeSecret(join(folder, 'approver.pem'), approver.privateKeyPem);
  await writeSecret(join(folder, 'operator.pem'), operator.privateKeyPem);
  await writeAuditor(folder, auditor);
  await writeSecret(join(folder, TRUST_FILES.policy), JSON.stringify(policy));
}

/** A folder from before there was an auditor: the root that made it is there, so the next policy names one. */
async function addAuditor(folder: string): Promise<void> {
  const root = privateKeyOf(await readFile(join(folder, 'root.pem'), 'utf8'));
  const path = join(folder, TRUST_FILES.policy);
  const before = verifyPolicy(
    Envelope.parse(JSON.parse(await readFile(path, 'utf8'))),
    publicKeyOf(pemOf(root)),
  );
  const auditor = newKeyPair('auditor');
  const now = new Date();
  const until = new Date(now);
  until.setUTCFullYear(now.getUTCFullYear() + POLICY_YEARS);
  const operators = [...(before.operators ?? []), operatorTerm('auditor', auditor, now, until)];
  const policy = signPolicy({ ...before, version: before.version + 1, operators }, root);
  await writeSecret(path, JSON.stringify(policy));
  await writeAuditor(folder, auditor);
}

async function writeAuditor(folder: string, auditor: KeyPair): Promise<void> {
  await writeSecret(join(folder, 'auditor.pub.pem'), auditor.publicKeyPem);
  await writeSecret(join(folder, 'auditor.pem'), auditor.privateKeyPem);
}

const operatorTerm = (person: string, { fingerprint, publicKeyPem }: KeyPair, from: Date, until: Date) => ({
  fingerprint,
  publicKeyPem,
  person,
  notBefore: from.toISOString(),
  notAfter: until.toISOString(),
});

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whole or not at all: a start that was killed here must not leave half a key. */
async function writeSecret(path: string, text: string): Promise<void> {
  const draft = `${path}.draft`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}
