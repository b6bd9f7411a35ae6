import { expect, test } from 'vitest';
import {
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
  encodeInferResponse,
} from '../../../contracts/infer-body.js';
import type { PipelinePlan } from '../../../contracts/pipeline.js';
import { joinAnswers, microBatches } from './micro-batches.js';

const type = { datatype: 'FP32' as const, shape: [-1, 2] };
const plan = (microBatch?: number): PipelinePlan => ({
  name: 'two',
  revision: 1,
  inputs: [{ name: 'x', ...type }],
  steps: [],
  outputs: ['y'],
  tensors: { y: type },
  ...(microBatch !== undefined && { microBatch }),
});
const body = (rows: number) =>
  encodeInferRequest({
    id: 'mine',
    parameters: {},
    inputs: [
      {
        name: 'x',
        datatype: 'FP32',
        shape: [rows, 2],
        data: Float32Array.from({ length: rows * 2 }, (_, i) => i),
      },
    ],
    binaryOutput: true,
  });

test('rows go in order, so many at a time, and every row comes back in its place', () => {
  const parts = microBatches(plan(3), body(8));
  const requests = (parts?.bodies ?? []).map(({ bytes, jsonLength }) =>
    decodeInferRequest(bytes, jsonLength),
  );
  expect(requests.map(({ inputs }) => inputs[0]?.shape)).toEqual([
    [3, 2],
    [3, 2],
    [2, 2],
  ]);
  const answers = requests.map(({ inputs }) =>
    encodeInferResponse(
      { modelName: 'two', modelVersion: '1', outputs: inputs.map((input) => ({ ...input, name: 'y' })) },
      { binaryOutput: true },
    ),
  );
  const joined = parts && joinAnswers(parts, answers);
  const whole = decodeInferResponse(joined?.bytes ?? new Uint8Array(), joined?.jsonLength);
  expect(whole).toMatchObject({ modelName: 'two', modelVersion: '1', id: 'mine' });
  expect(whole.outputs[0]).toMatchObject({ name: 'y', shape: [8, 2] });
  expect([...(whole.outputs[0]?.data ?? [])]).toEqual(Array.from({ length: 16 }, (_, i) => i));
});

test('few rows, or none declared, go as a whole', () => {
  expect(microBatches(plan(8), body(8))).toBeUndefined();
  expect(microBatches(plan(), body(8))).toBeUndefined();
});

test('thousands of rows are no thousands of messages', () => {
  expect(microBatches(plan(1), body(1_000))?.bodies.length).toBeLessThanOrEqual(64);
});
