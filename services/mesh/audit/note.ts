// Checkpoints of the audit log as C2SP signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint) with Ed25519: three lines that
// any tool of that family reads, and a signature over exactly these. The auditor signs; everybody may check.
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { failure } from '../../../contracts/errors.js';

export interface Checkpoint {
  /** Which log: `massif/<region>/audit`. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

export interface NoteVerifier {
  readonly name: string;
  readonly keyId: Buffer;
  readonly publicKey: KeyObject;
}

const ED25519 = 1;
const KEY_BYTES = 32;
/** In front of the raw key in an SPKI document (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const NOTE_BYTES_MAX = 64 * 1024;

export function signCheckpoint({ origin, size, root }: Checkpoint, name: string, key: KeyObject): string {
  const text = `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
  const raw = rawKey(key);
  const signature = sign(null, Buffer.from(text), key);
  const signed = Buffer.concat([keyIdOf(name, raw), signature]).toString('base64');
  return `${text}\n— ${name} ${signed}\n`;
}

/** Throws UNSIGNED unless the very key signed it. Lines of signers whom we do not know are passed over, as the format says. */
export function openCheckpoint(note: string, verifier: NoteVerifier): Checkpoint {
  const refused = (why: string) => failure('UNSIGNED', `The checkpoint ${why}.`);
  if (note.length > NOTE_BYTES_MAX) throw refused('is too long');
  const end = note.lastIndexOf('\n\n');
  if (end < 0) throw refused('is no signed note');
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2).split('\n');
  if (lines.pop() !== '') throw refused('has no last line');
  let signatures = 0;
  for (const line of lines) {
    const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    if (name === undefined || encoded === undefined) throw refused('has a line that is no signature');
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.toString('base64') !== encoded) throw refused('has a signature that is not base64');
    if (name !== verifier.name || !bytes.subarray(0, 4).equals(verifier.keyId)) continue;
    if (!verify(null, Buffer.from(text), verifier.publicKey, bytes.subarray(4)))
      throw refused('was not signed by this key');
    signatures++;
  }
  if (signatures === 0) throw refused(`has no signature of ${verifier.name}`);
  const [origin = '', size = '', root = '', ...rest] = text.split('\n');
  const hash = Buffer.from(root, 'base64');
  if (!/^(0|[1-9]\d{0,14})$/.test(size) || hash.length !== 32 || rest.join('') !== '')
    throw refused('is not origin, size and root');
  return { origin, size: Number(size), root: hash };
}

/** `name+keyid+key`. */
export function verifierKeyOf(name: string, key: KeyObject): string {
  const raw = rawKey(key);
  return `${name}+${keyIdOf(name, raw).toString('hex')}+${Buffer.concat([Uint8Array.of(ED25519), raw]).toString('base64')}`;
}

export function readVerifierKey(text: string): NoteVerifier {
  const [, name = '', id = '', encoded = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== 1 + KEY_BYTES || bytes[0] !== ED25519)
    throw failure('BAD_REQUEST', 'This is no verifier key: name+keyid+key.');
  const raw = bytes.subarray(1);
  const keyId = keyIdOf(name, raw);
  if (keyId.toString('hex') !== id) throw failure('BAD_REQUEST', "The verifier key's id is not its own.");
  const der = Buffer.concat([SPKI_HEAD, raw]);
  return { name, keyId, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

export const verifierOf = (name: string, key: KeyObject): NoteVerifier =>
  readVerifierKey(verifierKeyOf(name, key));

function rawKey(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ed25519')
    throw failure('BAD_REQUEST', 'Checkpoints are signed with an Ed25519 key.');
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ type: 'spki', format: 'der' }).subarray(-KEY_BYTES);
}

const keyIdOf = (name: string, raw: Uint8Array): Buffer =>
  createHash('sha256').update(`${name}\n`).update(Uint8Array.of(ED25519)).update(raw).digest().subarray(0, 4);
