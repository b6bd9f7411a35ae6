// What a class of attempts is: versions that are right in everything but one thing, in several different ways, and what shows that this one thing
// stopped them. `lenient`: the same versions under a policy without that rule. `twin`: the version without the fault. `runtime`: onnxruntime itself
// loads the bytes.
import type { Bundle } from '../../contracts/manifest.js';
import type { SignedVersion } from '../../services/shard/testing/signed-version.js';
import { makeVersion, withBundle } from './kit.js';

export interface AttackClass {
  readonly name: string;
  readonly control: 'lenient' | 'twin' | 'runtime';
  /** Attempts that differ by more than a name or a number drawn by lot. */
  readonly ways: number;
  readonly make: (attempt: number) => SignedVersion;
  /** For `twin`: the same without the fault. */
  readonly twin?: (version: SignedVersion) => SignedVersion;
}

export const nth = <T>(ways: readonly T[], attempt: number): T => {
  const way = ways[attempt % ways.length];
  if (way === undefined) throw new Error('a class has ways');
  return way;
};

/** A fault in a version that is whole otherwise. */
export function inVersion(
  name: string,
  ways: readonly ((version: SignedVersion) => SignedVersion)[],
): AttackClass {
  const originals = new Map<string, SignedVersion>();
  return {
    name,
    control: 'twin',
    ways: ways.length,
    make: (attempt) => {
      const version = makeVersion();
      originals.set(version.record.digest, version);
      return nth(ways, attempt)(version);
    },
    twin: ({ record }) => originals.get(record.digest) as SignedVersion,
  };
}

export const inBundle = (name: string, ways: readonly ((bundle: Bundle) => Bundle)[]): AttackClass =>
  inVersion(
    name,
    ways.map((change) => (version) => withBundle(version, change(version.record.bundle))),
  );
