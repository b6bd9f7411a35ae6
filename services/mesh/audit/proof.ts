// One entry's proof as a file of its own (c2sp.org/tlog-proof@v1): index, hashes from the leaf's sibling up, and the checkpoint they
// lead to. Whoever has the entry, the proof and the auditor's key needs neither the log nor us.
import { failure } from '../../../contracts/errors.js';
import { leafHash, verifyInclusion } from './merkle.js';
import { type Checkpoint, type NoteVerifier, openCheckpoint } from './note.js';

const HEAD = 'c2sp.org/tlog-proof@v1';

export const writeProof = (index: number, path: readonly Uint8Array[], checkpoint: string): string =>
  [HEAD, `index ${index}`, ...path.map((hash) => Buffer.from(hash).toString('base64')), '', checkpoint].join(
    '\n',
  );

/** Throws UNSIGNED with what does not hold. */
export function checkProof(
  entry: string,
  proof: string,
  verifier: NoteVerifier,
): Checkpoint & { readonly index: number } {
  const end = proof.indexOf('\n\n');
  const [head, place = '', ...hashes] = proof.slice(0, end).split('\n');
  const [, index] = /^index (0|[1-9]\d*)$/.exec(place) ?? [];
  if (end < 0 || head !== HEAD || index === undefined)
    throw failure('BAD_REQUEST', `This is no proof of the form ${HEAD}.`);
  const checkpoint = openCheckpoint(proof.slice(end + 2), verifier);
  const included = verifyInclusion({
    index: Number(index),
    size: checkpoint.size,
    leaf: leafHash(Buffer.from(entry)),
    proof: hashes.map((hash) => Buffer.from(hash, 'base64')),
    root: checkpoint.root,
  });
  if (!included) throw failure('UNSIGNED', 'The entry is not in the log that the checkpoint is of.');
  return { ...checkpoint, index: Number(index) };
}
