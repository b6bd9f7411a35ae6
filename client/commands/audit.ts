// `massif audit list|export|prove|verify`: what happened, a copy of the log, the proof of one entry, and the check of a copy, which needs no
// mesh and believes nobody but the auditor's public key.
import { writeFile } from 'node:fs/promises';
import type { z } from 'zod';
import {
  AUDIT_READ_MAX,
  AuditEntry,
  AuditReadReply,
  CheckpointsReply,
  ProveReply,
} from '../../contracts/audit.js';
import { type AuditorVerb, subjects } from '../../contracts/subjects.js';
import { readVerifierKey } from '../../services/mesh/audit/note.js';
import { checkProof } from '../../services/mesh/audit/proof.js';
import { verifyLog } from '../../services/mesh/audit/verify-log.js';
import {
  argument,
  type Command,
  type Invocation,
  text,
  texts,
  UsageError,
  wholeNumber,
} from '../cli/command.js';
import { readText } from '../cli/key-files.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 10_000;
const LISTED = 20;
const NOTE_BREAK = '--\n';

export const audit: Command = {
  name: 'audit',
  usage:
    'audit list [--last N] [--about TEXT]  |  audit export --out LOG  |  audit prove INDEX --out PROOF  |  audit verify LOG --checkpoints FILE --key KEY',
  argumentsMax: 2,
  summary: 'who did what and why; copies, proofs, and a check that works without a mesh',
  help: `  list               the newest entries (${LISTED}); --about keeps those that contain the text
  export             writes the whole log to LOG, an entry a line, its checkpoints to LOG.checkpoints, the key to LOG.key
  prove INDEX        writes the entry to PROOF.entry and its proof (c2sp.org/tlog-proof@v1) to PROOF
  verify LOG         whether LOG is whole and what was signed of it; also verify PROOF --entry FILE --key KEY
  --checkpoints FILE signed checkpoints, from wherever they were published; several times for several places
  --key KEY          the auditor's verifier key as text or a file with it; take it from somewhere else than the log`,
  options: {
    last: { type: 'string' },
    about: { type: 'string' },
    out: { type: 'string' },
    checkpoints: { type: 'string', multiple: true },
    entry: { type: 'string' },
    key: { type: 'string' },
  },
  async run(invocation: Invocation) {
    const verb = argument(invocation.args, 0, 'list, export, prove or verify');
    if (verb === 'list') return list(invocation);
    if (verb === 'export') return exportLog(invocation);
    if (verb === 'prove') return prove(invocation);
    if (verb === 'verify') return verify(invocation);
    throw new UsageError(`audit knows list, export, prove and verify, got "${verb}"`);
  },
};

async function list(invocation: Invocation): Promise<void> {
  const last = wholeNumber(invocation.values, 'last') ?? LISTED;
  const about = text(invocation.values, 'about');
  const { size } = await read(invocation, 0, 1);
  const found: AuditEntry[] = [];
  for (let to = size; to > 0 && found.length < last;) {
    const from = Math.max(0, to - AUDIT_READ_MAX);
    const part: string[] = [];
    while (from + part.length < to) {
      const more = await read(invocation, from + part.length, to - from - part.length);
      if (more.entries.length === 0) break;
      part.push(...more.entries);
    }
    const wanted = part.filter((entry) => about === undefined || entry.includes(about));
    found.unshift(...wanted.map((entry) => AuditEntry.parse(JSON.parse(entry))));
    to = from;
  }
  const shown = found.slice(-last);
  invocation.out.show(shown, () =>
    table(
      ['index', 'at', 'who', 'what', 'about', 'why'],
      shown.map((entry) => [
        String(entry.index),
        entry.at,
        entry.who,
        entry.outcome === 'done' ? entry.action : `${entry.action} REFUSED`,
        aboutText(entry),
        entry.why.slice(0, 100),
      ]),
    ),
  );
}

const aboutText = ({ about }: AuditEntry): string =>
  Object.entries(about)
    .filter(([name]) => name !== 'requestId' && name !== 'nonce')
    .map(([name, value]) => `${name}=${/^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : value}`)
    .join(' ')
    .slice(0, 100);

async function exportLog(invocation: Invocation): Promise<void> {
  const path = outPath(invocation);
  const entries: string[] = [];
  for (let size = Infinity; entries.length < size;) {
    const part = await read(invocation, entries.length, AUDIT_READ_MAX);
    if (part.entries.length === 0) break;
    entries.push(...part.entries);
    ({ size } = part);
  }
  const { checkpoints, verifierKey } = await ask(invocation, 'checkpoints', CheckpointsReply, {});
  await writeFile(path, entries.map((entry) => `${entry}\n`).join(''));
  await writeFile(`${path}.checkpoints`, checkpoints.map((note) => `${note}${NOTE_BREAK}`).join(''));
  await writeFile(`${path}.key`, `${verifierKey}\n`);
  invocation.out.show(
    { log: path, entries: entries.length, checkpoints: checkpoints.length, verifierKey },
    () => `${path}: ${entries.length} entries, ${checkpoints.length} checkpoints, key ${verifierKey}`,
  );
}

async function prove(invocation: Invocation): Promise<void> {
  const index = Number(argument(invocation.args, 1, 'INDEX'));
  if (!Number.isSafeInteger(index) || index < 0)
    throw new UsageError(`INDEX is the number of an entry, got "${invocation.args[1] ?? ''}"`);
  const path = outPath(invocation);
  const { entry, proof } = await ask(invocation, 'prove', ProveReply, { index });
  await writeFile(path, proof);
  await writeFile(`${path}.entry`, entry);
  invocation.out.show({ index, proof: path, entry: `${path}.entry` }, () => `${path} proves ${path}.entry`);
}

async function verify({ args, values, out }: Invocation): Promise<number> {
  const path = argument(args, 1, 'LOG or PROOF');
  const given = text(values, 'key');
  if (given === undefined)
    throw new UsageError('--key says whose signature counts: the verifier key, or a file with it');
  const verifier = readVerifierKey(given.includes('+') ? given : await readText(given));
  const entryPath = text(values, 'entry');
  if (entryPath !== undefined) {
    const { index, size, origin } = checkProof(await readText(entryPath), await readText(path), verifier);
    out.show(
      { index, size, origin, holds: true },
      () => `It is entry ${index} of ${origin}, of ${size} entries signed by ${verifier.name}.`,
    );
    return 0;
  }
  const notes = await Promise.all(texts(values, 'checkpoints').map(readText));
  if (notes.length === 0) throw new UsageError('--checkpoints FILE says what was published of the log');
  const lines = (await readText(path)).split('\n').filter((line) => line !== '');
  const found = verifyLog(
    lines,
    notes.flatMap((one) => one.split(NOTE_BREAK)).filter((note) => note.trim() !== ''),
    verifier,
  );
  const { entries, checkpoints, covered, findings } = found;
  out.show(found, () =>
    findings.length === 0
      ? `Whole: ${entries} entries follow from each other, ${checkpoints} checkpoints of ${verifier.name} agree, the newest covers ${covered}.`
      : ['NOT WHOLE', ...findings].join('\n'),
  );
  return findings.length === 0 ? 0 : 1;
}

function outPath({ values }: Invocation): string {
  const path = text(values, 'out');
  if (path === undefined) throw new UsageError('--out FILE says where it goes');
  return path;
}

const read = (invocation: Invocation, from: number, count: number): Promise<AuditReadReply> =>
  ask(invocation, 'read', AuditReadReply, { from, count });

const ask = async <T>(
  { connections }: Invocation,
  verb: AuditorVerb,
  schema: z.ZodType<T>,
  body: unknown,
): Promise<T> => (await connections()).request(subjects.auditor(verb), schema, body, TIMEOUT_MS);
