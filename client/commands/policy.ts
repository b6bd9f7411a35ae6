// `massif policy show|check|apply`: the signed document that says who may publish, approve and order. A draft is a JSON file; before it
// is signed, a dry run says what it would change for every version that is known.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, toFailure } from '../../contracts/errors.js';
import { shortDigest } from '../../contracts/names.js';
import type { VersionRecord } from '../../contracts/registry.js';
import { TrustPolicy } from '../../contracts/trust-policy.js';
import { passGate } from '../../services/mesh/trust/gate.js';
import { privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { strictJson } from '../../services/mesh/strict-json.js';
import { signPolicy } from '../../services/mesh/trust/trust-policy.js';
import { argument, type Command, type Invocation, UsageError } from '../cli/command.js';
import { keysFolder, readKeyFile } from '../cli/key-files.js';
import { table } from '../cli/table.js';
import type { Registry } from '../registry.js';

const DRAFT_BYTES_MAX = 1_048_576;
const POLICY_FILE = 'trust-policy.json';

export const policy: Command = {
  name: 'policy',
  usage: 'policy show  |  policy apply DRAFT [--dry-run] [--key FILE]',
  argumentsMax: 2,
  summary: 'who may publish, approve and order: shows it, and puts a new one in force after a dry run',
  help: `  show               the policy in force, as JSON: the draft of the next one
  apply DRAFT        signs the draft with the trust root and puts it into the folder of keys, where every process of this
                     machine reads it within seconds; its version must be higher than the one in force
  --dry-run          signs nothing: says for every known version whether it may run now and under the draft
  --key FILE         the trust root (else MASSIF_KEYS/root.pem, else that of the mesh on this machine)`,
  options: { 'dry-run': { type: 'boolean' }, key: { type: 'string' } },
  async run(invocation: Invocation) {
    const { args, client, out } = invocation;
    const verb = argument(args, 0, 'show or apply');
    const { registry } = await client('routed');
    const now = await registry.policy();
    if (verb === 'show') return out.show(now, () => JSON.stringify(now, null, 2));
    if (verb !== 'apply') throw new UsageError(`policy knows show and apply, got "${verb}"`);
    const draft = await readDraft(argument(args, 1, 'DRAFT'));
    if (draft.version <= now.version)
      throw failure(
        'BAD_REQUEST',
        `The draft has version ${draft.version}; ${now.version} is in force, so it must be ${now.version + 1} or higher.`,
      );
    const changes = await compare(registry, now, draft, invocation.clock.now());
    const dry = invocation.values['dry-run'] === true;
    if (!dry) await putInForce(invocation, draft);
    out.show({ from: now.version, to: draft.version, applied: !dry, changes }, () =>
      [
        dry
          ? `Policy ${draft.version} instead of ${now.version}; nothing is signed yet.`
          : `Policy ${draft.version} is in force instead of ${now.version}.`,
        changes.length === 0 ? 'No version is known.' : changesTable(changes),
      ].join('\n'),
    );
  },
};

interface Change {
  readonly model: string;
  readonly label: string;
  readonly version: string;
  readonly before: string;
  readonly after: string;
}

async function compare(
  registry: Registry,
  before: TrustPolicy,
  after: TrustPolicy,
  nowMs: number,
): Promise<Change[]> {
  const listed = (await registry.models()).flatMap(({ model, versions }) =>
    versions.map(({ digest }) => ({ model, version: digest })),
  );
  const changes: Change[] = [];
  for (const query of listed) {
    const version = await registry.show(query);
    const { model, label, digest } = version;
    const word = (under: TrustPolicy) => wordOn(version, under, nowMs);
    changes.push({ model, label, version: shortDigest(digest), before: word(before), after: word(after) });
  }
  return changes;
}

function wordOn(version: VersionRecord, under: TrustPolicy, nowMs: number): string {
  try {
    const { approvers, publisher } = passGate(version, under, { nowMs });
    const by = approvers.length > 0 ? `, approved by ${approvers.join(', ')}` : '';
    const where = publisher.regions ? ` in ${publisher.regions.join(', ')}` : '';
    return `may run${where}${by}`;
  } catch (error) {
    return `refused: ${toFailure(error).message}`;
  }
}

async function readDraft(path: string): Promise<TrustPolicy> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
  });
  const parsed = TrustPolicy.safeParse(strictJson(bytes, path, { bytesMax: DRAFT_BYTES_MAX }));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw failure(
    'BAD_REQUEST',
    `${path} is no trust policy: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}.`,
  );
}

async function putInForce(invocation: Invocation, draft: TrustPolicy): Promise<void> {
  const folder = keysFolder(invocation);
  if (folder === undefined)
    throw new UsageError('MASSIF_KEYS says where the policy goes; there is no mesh on this machine');
  const root = privateKeyOf(await readKeyFile(invocation, 'root.pem', 'which trust root signs'));
  const path = join(folder, POLICY_FILE);
  // Whole or not at all: processes read it at any moment.
  await writeFile(`${path}.draft`, JSON.stringify(signPolicy(draft, root)), { mode: 0o600 });
  await rename(`${path}.draft`, path);
}

const changesTable = (changes: readonly Change[]): string =>
  table(
    ['model', 'label', 'version', 'now', 'under the draft'],
    changes.map(({ model, label, version, before, after }) => [
      model,
      label,
      version,
      before,
      after === before ? 'the same' : after,
    ]),
  );
