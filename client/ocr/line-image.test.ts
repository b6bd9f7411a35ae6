import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { Failure } from '../../contracts/errors.js';
import { lineImage, lineTensor } from './line-image.js';

const flat = (width: number, height: number, pixel: number[]) => ({
  width,
  height,
  rgba: Uint8Array.from({ length: width * height * 4 }, (_, i) => pixel[i % 4] ?? 0),
});
const plane = (data: unknown, index: number, width: number) =>
  (data as Float32Array).subarray(index * 48 * width, (index + 1) * 48 * width);

test('planes come as blue, green, red, from -1 to 1', () => {
  const { data, shape } = lineTensor(flat(10, 48, [255, 127.5, 0, 255]));
  expect(shape).toEqual([1, 3, 48, 10]);
  expect(new Set(plane(data, 0, 10))).toEqual(new Set([-1]));
  expect(plane(data, 1, 10)[0]).toBeCloseTo(0, 2);
  expect(new Set(plane(data, 2, 10))).toEqual(new Set([1]));
});

test('the ratio is kept, the height is 48 and the width has an end', () => {
  expect(lineTensor(flat(200, 96, [0, 0, 0, 255])).shape).toEqual([1, 3, 48, 100]);
  expect(lineTensor(flat(20, 12, [0, 0, 0, 255])).shape).toEqual([1, 3, 48, 80]);
  expect(lineTensor(flat(4_000, 10, [0, 0, 0, 255])).shape).toEqual([1, 3, 48, 3_200]);
});

test('what is transparent lies on white paper', () => {
  expect(new Set(lineTensor(flat(3, 48, [0, 0, 0, 0])).data as Float32Array)).toEqual(new Set([1]));
});

test('shrinking mixes neighbours, the original size keeps every pixel', () => {
  const stripes = { width: 2, height: 96, rgba: new Uint8Array(2 * 96 * 4).fill(255) };
  for (let i = 0; i < stripes.rgba.length; i += 8) stripes.rgba.fill(0, i, i + 3); // left black, right white
  expect(lineTensor(stripes).data[0]).toBeCloseTo(0);
  const same = flat(2, 48, [0, 0, 0, 255]);
  same.rgba.fill(255, 4, 8);
  expect([...(lineTensor(same).data as Float32Array).subarray(0, 3)]).toEqual([-1, 1, -1]);
});

test('a PNG is read, anything else is refused with a sentence', () => {
  const png = new PNG({ width: 6, height: 24 });
  expect(lineImage(PNG.sync.write(png)).shape).toEqual([1, 3, 48, 12]);
  for (const bytes of [new Uint8Array(0), Uint8Array.of(1, 2, 3), PNG.sync.write(png).subarray(0, 40)]) {
    expect(() => lineImage(bytes)).toThrow(Failure);
  }
});
