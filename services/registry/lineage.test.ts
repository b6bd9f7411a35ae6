import { expect, test } from 'vitest';
import { lineageOf } from './lineage.js';
import { aVersion } from './testing/records.js';

const teacher = aVersion({ model: 'teacher', label: 'v1' });
const student = aVersion({ label: 'v2', card: { parent: teacher.digest, method: 'distilled' } });
const small = aVersion({ label: 'v3', card: { parent: student.digest, method: 'int8' } });
const known = new Map([teacher, student, small].map((version) => [version.digest, version]));

test('lineage goes from a version to its first ancestor, across models', () => {
  expect(lineageOf(small, (digest) => known.get(digest)).versions).toEqual([
    { digest: small.digest, label: 'v3', parent: student.digest, method: 'int8' },
    { digest: student.digest, label: 'v2', parent: teacher.digest, method: 'distilled' },
    { digest: teacher.digest, label: 'v1' },
  ]);
});

test('a circle in a corrupt bucket ends', () => {
  const looped = aVersion({ label: 'loop', card: { parent: small.digest } });
  const broken = new Map([...known, [teacher.digest, looped]]);
  expect(lineageOf(small, (digest) => broken.get(digest)).versions).toHaveLength(3);
});
