// A WAV file as samples from -1 to 1: 16 bits, 16,000 Hz, several channels are averaged. Nothing is resampled here.
import { failure } from '../../contracts/errors.js';

export const SAMPLE_RATE = 16_000;
const PCM = 1;
const EXTENSIBLE = 0xfffe;

export function readWav(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE')
    throw refused('it does not begin as a WAV file');
  let channels = 0;
  for (let at = 12; at + 8 <= bytes.length;) {
    const start = at + 8;
    const length = view.getUint32(at + 4, true);
    if (tag(at) === 'fmt ' && start + 16 <= bytes.length) channels = readFormat(view, start);
    if (tag(at) === 'data') {
      if (channels === 0) throw refused('its data come before its format');
      // A recorder that was cut off leaves a length beyond the end of the file.
      return samples(view, start, Math.min(length, bytes.length - start), channels);
    }
    at = start + length + (length % 2);
  }
  throw refused('it has no data');
}

function readFormat(view: DataView, at: number): number {
  const format = view.getUint16(at, true);
  const channels = view.getUint16(at + 2, true);
  const rate = view.getUint32(at + 4, true);
  const bits = view.getUint16(at + 14, true);
  if ((format !== PCM && format !== EXTENSIBLE) || bits !== 16)
    throw refused(`it has ${bits} bits in format ${format}`);
  if (rate !== SAMPLE_RATE) throw refused(`it has ${rate} samples a second`);
  if (channels === 0) throw refused('it has no channel');
  return channels;
}

function samples(view: DataView, start: number, length: number, channels: number): Float32Array {
  const mono = new Float32Array(Math.floor(length / 2 / channels));
  for (let i = 0; i < mono.length; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += view.getInt16(start + (i * channels + c) * 2, true);
    mono[i] = sum / channels / 0x8000;
  }
  return mono;
}

const refused = (why: string) =>
  failure(
    'BAD_REQUEST',
    `The sound cannot be used, ${why}: it must be WAV with 16-bit samples at ${SAMPLE_RATE} Hz.`,
  );
