import { expect, test } from 'vitest';
import { Gatherer, RowCut } from './gather.js';
import { rowsOf, SHARED } from './rows.js';
import { seededRandom } from '../../mesh/random.js';
import { BlobTensor } from '../../../contracts/blob-tensor.js';
import { type Tensor, toBlob } from '../../../contracts/tensor.js';

const floats = (name: string, shape: number[], fill: (i: number) => number): Tensor => ({
  name,
  datatype: 'FP32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => fill(i)),
});
const AXES = [0, 0, 1, 2];

test('no caller ever gets rows of another, whatever sizes meet in a batch and wherever the rows lie', () => {
  const random = seededRandom(7);
  const gatherer = new Gatherer(AXES);
  for (let round = 0; round < 500; round++) {
    const width = 1 + Math.floor(random() * 5);
    const requests = Array.from({ length: 1 + Math.floor(random() * 9) }, (_, who) => {
      const rows = 1 + Math.floor(random() * 4);
      return [
        floats('x', [rows, width], (i) => round * 100 + who + i / 100),
        { name: 't', datatype: 'BYTES', shape: [rows], data: Array<string>(rows).fill(`${who}`) } as Tensor,
        floats('state', [2, rows, width], (i) => who + i / 100),
        { name: 'u', datatype: 'BYTES', shape: [2, 1, rows], data: texts(2 * rows, who) } as Tensor,
      ];
    });
    const joined = gatherer.join(requests);
    const total = joined[0]?.shape[0] ?? 0;
    let at = 0;
    for (const [who, inputs] of requests.entries()) {
      const rows = rowsOf(inputs, AXES);
      for (const [i, tensor] of joined.entries())
        expect(new RowCut(tensor, AXES[i] ?? SHARED, total).rows(at, rows)).toEqual(requests[who]?.[i]);
      at += rows;
    }
    expect(at).toBe(total);
  }
});

const texts = (count: number, who: number): string[] =>
  Array.from({ length: count }, (_, i) => `${who}.${i}`);

test('rows that still lie in their messages, however crooked, are joined as others are', () => {
  const random = seededRandom(3);
  const gatherer = new Gatherer([0, 1]);
  for (let round = 0; round < 200; round++) {
    const requests = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, who) => {
      const rows = 1 + Math.floor(random() * 3);
      return [
        floats('x', [rows, 2], (i) => who + i / 10),
        floats('state', [2, rows, 3], (i) => who + i / 10),
      ];
    });
    const lying = requests.map((inputs) =>
      inputs.map((one) => (random() < 0.7 ? crooked(one, random) : one)),
    );
    const want = new Gatherer([0, 1]).join(requests);
    expect(gatherer.join(lying)).toEqual(want);
  }
});

function crooked({ name, shape, data }: Tensor, random: () => number): Tensor {
  const blob = toBlob(data);
  const at = Math.floor(random() * 8);
  const message = new Uint8Array(at + blob.length + 3).fill(255);
  message.set(blob, at);
  return new BlobTensor(name, 'FP32', shape, data.length, message.subarray(at, at + blob.length));
}

test('an input that requests share goes in once', () => {
  const sr = floats('sr', [], () => 16);
  const joined = new Gatherer([0, SHARED]).join([
    [floats('x', [1, 2], () => 1), sr],
    [floats('x', [2, 2], () => 2), sr],
  ]);
  expect(joined[0]).toMatchObject({ shape: [3, 2], data: Float32Array.of(1, 1, 2, 2, 2, 2) });
  expect(joined[1]).toEqual(sr);
});

test('an output without the batch where it should be is never sliced', () => {
  const mean = floats('mean', [1], () => 0);
  expect(() => new RowCut(mean, 0, 4)).toThrow(/carries the batch/);
});
