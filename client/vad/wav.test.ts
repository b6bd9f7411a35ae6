import { expect, test } from 'vitest';
import { Failure } from '../../contracts/errors.js';
import { readWav } from './wav.js';

const ascii = (text: string) => Array.from(text, (c) => c.charCodeAt(0));
const u16 = (n: number) => [n & 0xff, (n >> 8) & 0xff];
const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)];
const chunk = (tag: string, body: number[], length = body.length) => [
  ...ascii(tag),
  ...u32(length),
  ...body,
  ...(body.length % 2 ? [0] : []),
];
const format = ({ format = 1, channels = 1, rate = 16_000, bits = 16 } = {}) =>
  chunk('fmt ', [...u16(format), ...u16(channels), ...u32(rate), ...u32(0), ...u16(0), ...u16(bits)]);
const wav = (...chunks: number[][]) =>
  Uint8Array.from([...ascii('RIFF'), ...u32(0), ...ascii('WAVE'), ...chunks.flat()]);

test('samples go from -1 to 1, other chunks are passed over', () => {
  const bytes = wav(
    chunk('LIST', [1, 2, 3]),
    format(),
    chunk('data', [...u16(0x8000), ...u16(0), ...u16(0x4000)]),
  );
  expect([...readWav(bytes)]).toEqual([-1, 0, 0.5]);
});

test('channels are averaged, a half sample at a cut end is left out', () => {
  const bytes = wav(
    format({ channels: 2 }),
    chunk('data', [...u16(0x4000), ...u16(0), ...u16(1)], 4_000_000_000),
  );
  expect([...readWav(bytes)]).toEqual([0.25]);
});

test('what is no 16-bit WAV at 16 kHz is refused with a sentence', () => {
  const data = chunk('data', [0, 0]);
  const refused = [
    new Uint8Array(0),
    Uint8Array.from(ascii('RIFFxxxxWAVX')),
    wav(),
    wav(data),
    wav(format()),
    wav(format({ rate: 44_100 }), data),
    wav(format({ bits: 8 }), data),
    wav(format({ format: 3 }), data),
    wav(format({ channels: 0 }), data),
    wav(format()).subarray(0, 30),
  ];
  for (const bytes of refused) {
    expect(() => readWav(bytes)).toThrow(Failure);
    expect(() => readWav(bytes)).toThrow(/16-bit samples at 16000 Hz/);
  }
});
