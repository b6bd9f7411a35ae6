import { expect, test } from 'vitest';
import { float32 } from '../../onnx/tensor.js';
import { readRun, type RunPosition, saveRun } from './saved-run.js';

const position: RunPosition = {
  fingerprint: 'this job',
  note: '',
  epoch: 3,
  batch: 2,
  stepCount: 11,
  lossSum: 0.1 + 0.2,
  elapsedMs: 5,
  history: [],
  best: { epoch: 1, loss: 0.5, accuracy: 0.75 },
  state: { w: float32([2, 2], [1, Math.fround(0.1), -0, 1e-40]), m: float32([], [2]) },
  bestState: { w: float32([2, 2], [4, 3, 2, 1]) },
};

test('a checkpoint keeps every bit', () => {
  expect(readRun(saveRun(position), 'this job')).toEqual(position);
});

test('a checkpoint that is cut off, damaged or another job’s is refused', () => {
  const bytes = saveRun(position);
  expect(() => readRun(bytes, 'other')).toThrow('belongs to another job');
  expect(() => readRun(bytes.subarray(0, -3), 'this job')).toThrow('ends early');
  expect(() => readRun(bytes.subarray(0, 20), 'this job')).toThrow('cannot be read');
  expect(() => readRun(new Uint8Array(2), 'this job')).toThrow('is empty');
});
