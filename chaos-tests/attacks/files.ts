// Bytes that are not those that were signed, under their name in the store. Each control is the same version over its own bytes.
import { type AttackClass, inVersion } from './class.js';
import { anyModel } from './kit.js';

type Change = (bytes: Uint8Array) => Uint8Array;

const stored = (name: string, ways: readonly Change[]): AttackClass =>
  inVersion(
    name,
    ways.map((change) => (version) => ({
      ...version,
      resources: new Map([...version.resources].map(([digest, bytes]) => [digest, change(bytes)])),
    })),
  );

const flipped =
  (part: number): Change =>
  (bytes) => {
    const other = bytes.slice();
    const at = Math.min(bytes.length - 1, Math.floor(part * bytes.length));
    other[at] = (other[at] ?? 0) ^ 1;
    return other;
  };
const joined =
  (...parts: readonly (string | Uint8Array)[]): Change =>
  (bytes) =>
    Buffer.concat([bytes, ...parts.map((one) => Buffer.from(one))]);

export const files: readonly AttackClass[] = [
  stored('other bytes in the store', [
    () => anyModel(),
    (bytes) => new Uint8Array(bytes.length),
    (bytes) => bytes.toReversed(),
    (bytes) => Buffer.from(Buffer.from(bytes).toString('base64')),
    () => Buffer.from('not a model'),
  ]),
  stored(
    'bytes cut off',
    [-1, -7, -100]
      .map(
        (end): Change =>
          (bytes) =>
            bytes.slice(0, end),
      )
      .concat([(bytes) => bytes.slice(0, bytes.length >> 1), (bytes) => bytes.slice(1)]),
  ),
  stored('bytes added', [
    joined('\u0000'),
    joined('\n'),
    joined(new Uint8Array(65_536)),
    (bytes) => Buffer.concat([bytes, bytes]),
    (bytes) => Buffer.concat([bytes, anyModel()]),
  ]),
  stored('one bit of the file flipped', [0, 0.01, 0.25, 0.5, 0.75, 1].map(flipped)),
];
