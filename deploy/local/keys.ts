// The secrets of a mesh on one machine, made on its first start: the trust root, who publishes versions, who gives orders, the
// policy that says so, and what keeps the gossip of two checkouts apart. Production brings its own; nothing here leaves the folder.
import { randomBytes } from 'node:crypto';
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fingerprintOf, newKeyPair, privateKeyOf, publicKeyOf } from '../../services/mesh/signing-key.js';
import { TRUST_FILES } from '../../services/mesh/trust-files.js';
import { signPolicy } from '../../services/mesh/trust-policy.js';

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
  const gossip = join(folder, 'gossip.json');
  if (!(await isThere(gossip)))
    await writeSecret(gossip, JSON.stringify({ encrypt: randomBytes(32).toString('base64') }));
  return { folder, gossip };
}

async function makeTrust(folder: string): Promise<void> {
  const root = newKeyPair('root');
  const publisher = newKeyPair('publisher');
  const operator = newKeyPair('operator');
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
      operators: [
        {
          fingerprint: operator.fingerprint,
          publicKeyPem: operator.publicKeyPem,
          person: userInfo().username,
          notBefore: now.toISOString(),
          notAfter: until.toISOString(),
        },
      ],
    },
    privateKeyOf(root.privateKeyPem),
  );
  await writeSecret(join(folder, 'root.pem'), root.privateKeyPem);
  await writeSecret(join(folder, TRUST_FILES.rootKey), root.publicKeyPem);
  await writeSecret(join(folder, 'publisher.pem'), publisher.privateKeyPem);
  await writeSecret(join(folder, 'publisher.pub.pem'), publisher.publicKeyPem);
  await writeSecret(join(folder, 'operator.pem'), operator.privateKeyPem);
  await writeSecret(join(folder, TRUST_FILES.policy), JSON.stringify(policy));
}

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
