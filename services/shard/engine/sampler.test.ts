import { expect, test } from 'vitest';
import { SAMPLE_BYTES, Sample } from '../../../contracts/sampling.js';
import { fromBlob, type Tensor, toBlob } from '../../../contracts/tensor.js';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { passesLuhn, redact } from './redact.js';
import { HeardRules, sampledTensor, Sampler } from './sampler.js';

const VERSION = 'a'.repeat(64);
const x = (...values: number[]): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [1, values.length],
  data: Float32Array.from(values),
});
const rule = {
  model: 'm',
  rate: 1,
  keep: ['x'],
  plain: false,
  onSuspicion: false,
  until: '2100-01-01T00:00:00Z',
  by: 'ada',
};

function sampled(rate = 1, random = () => 0.5) {
  const clock = new FakeClock();
  const rules = new HeardRules(clock);
  const tell = (more: object = {}) => rules.hear(JSON.stringify({ rules: [{ ...rule, rate, ...more }] }));
  const samples: Sample[] = [];
  const sampler = new Sampler({
    about: { region: 'east', replica: 'shard-east-1_a', model: 'm', label: '1', version: VERSION, life: 'l' },
    rules,
    // As it travels.
    publish: (sample) => samples.push(Sample.parse(JSON.parse(JSON.stringify(sample)))),
    clock,
    random,
  });
  const see = (n: number) =>
    sampler.see({
      requestId: `r${n}`,
      rows: 1,
      taps: [],
      inputs: [x(n)],
      outputs: [{ ...x(n, n), name: 'y' }],
    });
  return { clock, tell, samples, sampler, see };
}

test('nothing is kept unless somebody asked, and no longer than the auditor says so', async () => {
  const { clock, tell, samples, see } = sampled();
  see(1);
  await clock.advance(1_000);
  expect(samples).toEqual([]);
  tell();
  see(2);
  await clock.advance(250);
  expect(samples).toMatchObject([{ requestId: 'r2', counts: { seen: 1, kept: 1, dropped: 0 } }]);
  await clock.advance(31_000);
  see(3);
  await clock.advance(250);
  expect(samples).toHaveLength(1);
  tell({ until: '2000-01-01T00:00:00Z' });
  see(4);
  await clock.advance(250);
  expect(samples).toHaveLength(1);
});

test('what the rule names keeps its values, all else shape and statistics', async () => {
  const { clock, tell, samples, see } = sampled();
  tell();
  see(3);
  await clock.advance(250);
  const [{ inputs: [input], outputs: [output] } = { inputs: [], outputs: [] }] = samples;
  expect(fromBlob('x', 'FP32', 1, Uint8Array.from(Buffer.from(input?.data ?? '', 'base64')))).toEqual(
    Float32Array.of(3),
  );
  expect(output).toMatchObject({ shape: [1, 2], statistics: { mean: 3 } });
  expect(output?.data).toBeUndefined();
});

test('more than there is room for is counted to the last one, and chance decides by the rate', async () => {
  const { clock, tell, samples, see } = sampled();
  tell();
  for (let n = 0; n < 20; n++) see(n);
  await clock.advance(250);
  expect(samples).toHaveLength(8);
  see(20);
  await clock.advance(250);
  expect(samples.at(-1)?.counts).toEqual({ life: 'l', seen: 21, kept: 9, dropped: 12 });
  const rare = sampled(0.4);
  rare.tell();
  rare.see(1);
  await rare.clock.advance(250);
  expect(rare.samples).toEqual([]);
});

test('a tensor that is too large keeps its statistics alone', () => {
  const large = x(...new Float32Array(SAMPLE_BYTES / 4 + 1));
  expect(sampledTensor(large, { keep: ['*'], plain: false }, SAMPLE_BYTES)).not.toHaveProperty('data');
});

test('texts that are kept are masked unless the rule says they are plain', () => {
  const texts: Tensor = {
    name: 't',
    datatype: 'BYTES',
    shape: [1],
    data: ['call +49 170 1234567, ada@example.org'],
  };
  const masked = sampledTensor(texts, { keep: ['t'], plain: false }, SAMPLE_BYTES);
  expect(masked.masked).toBe(2);
  expect(masked.data).toBe(Buffer.from(toBlob(['call <phone>, <mail>'])).toString('base64'));
  expect(sampledTensor(texts, { keep: ['t'], plain: true }, SAMPLE_BYTES).masked).toBeUndefined();
});

test('cards by their checksum, tokens by their shape, and ordinary numbers and words not', () => {
  expect(passesLuhn('4111 1111 1111 1111')).toBe(true);
  expect(passesLuhn('4111 1111 1111 1112')).toBe(false);
  expect(redact('card 4111-1111-1111-1111, key sk-abcdefghijklmnopqrstuv').text).toBe(
    'card <card>, key <token>',
  );
  expect(redact('in 2026 we read 12 pages of 3.14159 and 42')).toEqual({
    text: 'in 2026 we read 12 pages of 3.14159 and 42',
    masked: 0,
  });
});
