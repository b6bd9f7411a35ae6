import { expect, test } from 'vitest';
import { subjects } from '../../contracts/subjects.js';
import { inferTarget } from './infer-subject.js';

test.each(['ocr', 'gpt-3.5', 'a.b.c', '100%', 'with space', 'star*and>'])(
  'the endpoint %s comes back as it was',
  (name) => {
    expect(inferTarget(subjects.infer(name))).toEqual({ endpoint: name, version: undefined });
    expect(inferTarget(subjects.inferVersion(name, 'v1.0'))).toEqual({ endpoint: name, version: 'v1.0' });
  },
);
