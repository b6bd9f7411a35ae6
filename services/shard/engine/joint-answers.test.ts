import { expect, test } from 'vitest';
import { encodeInferResponse, type InferRequest } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { seededRandom } from '../../mesh/random.js';
import { waiting } from '../testing/waiting.js';
import { RowCut } from './gather.js';
import { JointAnswers } from './joint-answers.js';
import type { Ready } from './request-queue.js';

const TOTAL = 256;
const outputs: Tensor[] = [
  floats('y', [TOTAL, 3]),
  floats('wide', [TOTAL, 40]),
  floats('state', [2, TOTAL, 5]),
  {
    name: 'n',
    datatype: 'INT64',
    shape: [TOTAL],
    data: BigInt64Array.from({ length: TOTAL }, (_, i) => BigInt(i)),
  },
];
const cuts = outputs.map((output) => new RowCut(output, output.shape.indexOf(TOTAL), TOTAL));

function floats(name: string, shape: number[]): Tensor {
  const length = shape.reduce((a, b) => a * b, 1);
  return { name, datatype: 'FP32', shape, data: Float32Array.from({ length }, (_, i) => i) };
}

function asking(rows: number, request: Partial<InferRequest> = {}, endpoint = ''): Ready {
  const one = waiting('r', 0);
  return {
    ...one,
    headers: { ...one.headers, endpoint },
    decoded: {
      request: { parameters: {}, inputs: [], binaryOutput: true, ...request },
      inputs: [],
      rows,
      items: 1,
      key: '',
    },
  };
}

const body = (one: Ready, from: number) =>
  encodeInferResponse(
    { modelName: one.headers.endpoint || 'm', outputs: cuts.map((cut) => cut.rows(from, one.decoded.rows)) },
    one.decoded.request,
  );

test.each([1, 2, 3])(
  'an answer like another is what it would be if it were written alone: seed %i',
  (seed) => {
    const random = seededRandom(seed);
    const joint = new JointAnswers(cuts);
    let alike = 0;
    for (let from = 0; from < TOTAL;) {
      const rows = Math.min(1 + Math.floor(random() ** 2 * 3), TOTAL - from);
      const one = asking(rows, random() < 0.1 ? { id: `${from}` } : {}, random() < 0.1 ? 'other' : '');
      const written = body(one, from);
      const head = joint.beginning(one, from);
      if (head === undefined) joint.wrote(one, written);
      else {
        alike++;
        const bytes = new Uint8Array(7 + head.length + joint.bytes);
        bytes.set(head, 7);
        joint.copyTo(bytes, 7 + head.length);
        expect(Buffer.from(bytes.subarray(7)).equals(written.bytes)).toBe(true);
        expect(head.length).toBe(written.jsonLength);
      }
      from += rows;
    }
    expect(alike).toBeGreaterThan(5);
  },
);

test('what is not plain is neither like another nor another like it', () => {
  for (const request of [{ id: 'x' }, { outputs: [{ name: 'y' }] }, { binaryOutput: false }]) {
    const joint = new JointAnswers(cuts);
    const odd = asking(1, request);
    joint.wrote(odd, body(odd, 0));
    expect(joint.beginning(asking(1), 1)).toBeUndefined();
    joint.wrote(asking(1), body(asking(1), 1));
    expect(joint.beginning(odd, 2)).toBeUndefined();
    expect(joint.beginning(asking(2), 2)).toBeUndefined();
    expect(joint.beginning(asking(1), 2)).toBeDefined();
  }
});
