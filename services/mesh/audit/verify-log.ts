// Whether a copy of the audit log is whole and what was published of it: every entry follows from the ones before, and every checkpoint that
// the auditor signed has the root that these entries give. Pure: `massif audit verify` feeds it from files, far from any mesh.
import { toFailure } from '../../../contracts/errors.js';
import { AuditChain } from './chain.js';
import { type Checkpoint, type NoteVerifier, openCheckpoint } from './note.js';

export interface Verified {
  readonly entries: number;
  readonly checkpoints: number;
  /** Entries that the newest checkpoint covers: what comes after could still be cut off unseen. */
  readonly covered: number;
  /** Empty: the log is what it was. */
  readonly findings: readonly string[];
}

/** `notes` from wherever they were published; order and repetition do not matter. */
export function verifyLog(
  entries: Iterable<string>,
  notes: readonly string[],
  verifier: NoteVerifier,
): Verified {
  const findings: string[] = [];
  const published = openAll(notes, verifier, findings);
  const chain = new AuditChain();
  const due = published.toSorted((a, b) => a.size - b.size);
  const compare = (): void => {
    while (due[0] && due[0].size === chain.size) {
      const { root, size } = due.shift() as Checkpoint;
      if (!chain.tree.root().equals(root))
        findings.push(`The first ${size} entries are not those that were signed: another root.`);
    }
  };
  compare();
  for (const text of entries) {
    const taken = chain.take(text);
    if ('wrong' in taken) {
      findings.push(`Entry ${chain.size} ${taken.wrong}.`);
      break; // nothing behind it can be told apart
    }
    compare();
  }
  const missing = due.at(-1);
  if (missing)
    findings.push(
      `A checkpoint of ${missing.size} entries was signed; only ${chain.size} are there and in order.`,
    );
  const covered = Math.max(0, ...published.map(({ size }) => size));
  return { entries: chain.size, checkpoints: published.length, covered, findings };
}

function openAll(notes: readonly string[], verifier: NoteVerifier, findings: string[]): Checkpoint[] {
  const opened: Checkpoint[] = [];
  for (const note of new Set(notes)) {
    try {
      opened.push(openCheckpoint(note, verifier));
    } catch (error) {
      findings.push(toFailure(error).message);
    }
  }
  const origins = new Set(opened.map(({ origin }) => origin));
  if (origins.size > 1) findings.push(`The checkpoints are of different logs: ${[...origins].join(', ')}.`);
  return opened;
}
