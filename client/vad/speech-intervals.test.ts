import { expect, test } from 'vitest';
import { CHUNK, speechIntervals } from './speech-intervals.js';

const chunkS = CHUNK / 16_000; // 32 ms
/** '.' silence, '#' speech, '~' between the two thresholds; in seconds rounded to a millisecond. */
const intervals = (picture: string) =>
  speechIntervals(
    Array.from(picture, (c) => (c === '#' ? 0.9 : c === '~' ? 0.4 : 0.1)),
    picture.length * CHUNK,
  ).map(({ startS, endS }) => [startS, endS].map((s) => Math.round(s * 1_000)));
const ms = (chunk: number) => Math.round(chunk * chunkS * 1_000);

test('speech is padded by 30 ms on both sides, within the sound', () => {
  expect(intervals('.....##########.....')).toEqual([[ms(5) - 30, ms(15) + 30]]);
  expect(intervals('##########')).toEqual([[0, ms(10)]]);
});

test('a pause of four chunks is passed over, one that lasts 100 ms beyond its first chunk parts', () => {
  expect(intervals('##########....##########.....')).toHaveLength(1);
  expect(intervals('##########.....##########.....')).toEqual([
    [0, ms(10) + 30],
    [ms(15) - 30, ms(25) + 30],
  ]);
});

test('a noise below 250 ms is passed over, also at the end of the sound', () => {
  expect(intervals('....#######.....')).toEqual([]);
  expect(intervals('....########.....')).toHaveLength(1);
  expect(intervals('.....#######')).toEqual([]);
});

test('between the thresholds speech goes on and none begins', () => {
  expect(intervals('##########~~~~~~~~##########')).toHaveLength(1);
  expect(intervals('~~~~~~~~~~~~')).toEqual([]);
});

test('without chunks there is no speech', () => {
  expect(intervals('')).toEqual([]);
});
