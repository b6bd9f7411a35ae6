import { createHash, createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import type { AuditEvent } from '../../../contracts/audit.js';
import { newKeyPair, privateKeyOf } from '../trust/signing-key.js';
import { AuditChain } from './chain.js';
import { leafHash, MerkleTree, verifyConsistency, verifyInclusion } from './merkle.js';
import { openCheckpoint, readVerifierKey, signCheckpoint, verifierKeyOf, verifierOf } from './note.js';
import { checkProof, writeProof } from './proof.js';
import { verifyLog } from './verify-log.js';

const key = privateKeyOf(newKeyPair('auditor').privateKeyPem);
const NAME = 'massif-audit-east';
const verifier = verifierOf(NAME, createPublicKey(key));
const event = (n: number): AuditEvent => ({
  at: '2026-06-01T00:00:00.000Z',
  source: 'registry',
  who: 'ada',
  action: 'registry.deploy',
  about: { endpoint: `e${n}` },
  outcome: 'done',
  why: 'asked',
});

/** A log with a checkpoint after each of these sizes. */
function aLog(size: number, ...checkpointsAt: number[]) {
  const chain = new AuditChain();
  const entries: string[] = [];
  const notes: string[] = [];
  for (let i = 0; i < size; i++) {
    const text = chain.compose(event(i));
    chain.add(text);
    entries.push(text);
    if (checkpointsAt.includes(i + 1))
      notes.push(
        signCheckpoint({ origin: 'massif/east/audit', size: i + 1, root: chain.tree.root() }, NAME, key),
      );
  }
  return { chain, entries, notes };
}

test('roots are those of RFC 6962: its own vectors', () => {
  const tree = new MerkleTree();
  const leaves = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  for (const leaf of leaves) tree.append(Buffer.from(leaf, 'hex'));
  const hex = (size: number) => tree.root(size).toString('hex');
  expect(hex(0)).toBe(createHash('sha256').digest('hex'));
  expect(hex(1)).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
  expect(hex(3)).toBe('aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77');
  expect(hex(8)).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
});

test('every entry of every size up to 70 has a proof that holds, and for no other place', () => {
  const tree = new MerkleTree();
  const datum = (i: number) => Buffer.from(`entry ${i}`);
  for (let size = 1; size <= 70; size++) {
    tree.append(datum(size - 1));
    for (let index = 0; index < size; index++) {
      const given = {
        index,
        size,
        leaf: leafHash(datum(index)),
        proof: tree.inclusion(index),
        root: tree.root(),
      };
      expect(verifyInclusion(given)).toBe(true);
      expect(verifyInclusion({ ...given, index: (index + 1) % (size + 1) })).toBe(false);
      expect(verifyInclusion({ ...given, leaf: leafHash(datum(index + 1)) })).toBe(false);
    }
  }
});

test('every size up to 70 is proved to begin with every smaller one, and with no forged one', () => {
  const tree = new MerkleTree();
  for (let i = 0; i < 70; i++) tree.append(Buffer.from(`entry ${i}`));
  const forged = Buffer.alloc(32, 1);
  for (let to = 1; to <= 70; to++)
    for (let from = 1; from <= to; from++) {
      const given = {
        from,
        to,
        fromRoot: tree.root(from),
        toRoot: tree.root(to),
        proof: tree.consistency(from, to),
      };
      expect(verifyConsistency(given)).toBe(true);
      expect(verifyConsistency({ ...given, fromRoot: forged })).toBe(false);
      expect(verifyConsistency({ ...given, toRoot: forged })).toBe(false);
    }
});

test('a checkpoint opens with its key alone, and strange signers beside it are passed over', () => {
  const checkpoint = { origin: 'massif/east/audit', size: 3, root: Buffer.alloc(32, 7) };
  const note = signCheckpoint(checkpoint, NAME, key);
  expect(openCheckpoint(note, verifier)).toEqual(checkpoint);
  expect(openCheckpoint(`${note}— somebody AAAAAAAA\n`, verifier)).toEqual(checkpoint);
  expect(readVerifierKey(verifierKeyOf(NAME, key)).keyId).toEqual(verifier.keyId);
  const other = verifierOf(NAME, createPublicKey(privateKeyOf(newKeyPair('auditor').privateKeyPem)));
  expect(() => openCheckpoint(note, other)).toThrow('has no signature of massif-audit-east');
  expect(() => openCheckpoint(note.replace('\n3\n', '\n4\n'), verifier)).toThrow('not signed by this key');
  expect(() => openCheckpoint('hello', verifier)).toThrow('no signed note');
});

test('a whole log verifies, and says what its checkpoints do not cover yet', () => {
  const { entries, notes } = aLog(10, 4, 8);
  expect(verifyLog(entries, notes, verifier)).toEqual({
    entries: 10,
    checkpoints: 2,
    covered: 8,
    findings: [],
  });
});

test('an entry that was edited, dropped, put elsewhere or cut off is found', () => {
  const { entries, notes } = aLog(10, 4, 10);
  const found = (given: string[]) => verifyLog(given, notes, verifier).findings;
  expect(found(entries.with(3, (entries[3] ?? '').replace('ada', 'eve')))).toEqual([
    'The first 4 entries are not those that were signed: another root.',
    'Entry 4 does not follow from what is before it.',
    expect.stringContaining('only 4 are there'),
  ]);
  expect(found(entries.with(9, (entries[9] ?? '').replace('ada', 'eve')))).toHaveLength(1);
  expect(found(entries.toSpliced(5, 1))[0]).toContain('says it is entry 6 where 5 belongs');
  expect(found(entries.toSpliced(5, 2, entries[6] ?? '', entries[5] ?? ''))[0]).toContain('where 5 belongs');
  expect(found(entries.slice(0, 9))).toEqual([
    'A checkpoint of 10 entries was signed; only 9 are there and in order.',
  ]);
});

test('a log that was written anew from the edit on is found by the root that was published', () => {
  const { notes } = aLog(10, 10);
  const chain = new AuditChain();
  const forged = Array.from({ length: 10 }, (_, i) => {
    const text = chain.compose({ ...event(i), ...(i === 2 && { who: 'eve' }) });
    chain.add(text);
    return text;
  });
  expect(verifyLog(forged, notes, verifier).findings).toEqual([
    'The first 10 entries are not those that were signed: another root.',
  ]);
});

test('the proof of one entry holds without the log, and for that entry alone', () => {
  const { chain, entries, notes } = aLog(12, 12);
  const proof = writeProof(5, chain.tree.inclusion(5, 12), notes[0] ?? '');
  expect(checkProof(entries[5] ?? '', proof, verifier)).toMatchObject({ index: 5, size: 12 });
  expect(() => checkProof(entries[6] ?? '', proof, verifier)).toThrow('not in the log');
  expect(() => checkProof(entries[5] ?? '', proof.replace('index 5', 'index 4'), verifier)).toThrow('not in');
});
