// Ten thousand broken bodies: whatever comes in, the codec answers with a request or a coded failure. The seed is printed with
// the body that broke the promise, so that one run brings it back.
import { expect, test } from 'vitest';
import { Failure } from './errors.js';
import {
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
  encodeInferResponse,
  readJsonLength,
} from './infer-body.js';
import type { Tensor } from './tensor.js';

const SEED = 20_260;
const MUTATIONS = 10_000;

/** mulberry32: small, seeded, good enough to break bytes with. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const tensors: Tensor[] = [
  { name: 'x', datatype: 'FP32', shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) },
  { name: 'n', datatype: 'INT64', shape: [2], data: BigInt64Array.of(1n, -9223372036854775808n) },
  { name: 's', datatype: 'BYTES', shape: [2], data: ['ab', 'ö'] },
  { name: 'b', datatype: 'BOOL', shape: [2, 1], data: Uint8Array.of(0, 1) },
];
const request = {
  id: '1',
  parameters: { sequence_id: 7 },
  inputs: tensors,
  outputs: [{ name: 'y' }],
  binaryOutput: true,
};
const response = { modelName: 'm', id: '1', outputs: tensors };
const seeds = [
  encodeInferRequest(request),
  encodeInferRequest(request, { binary: false }),
  encodeInferResponse(response, { binaryOutput: true }),
  encodeInferResponse(response, { binaryOutput: false }),
];
const specs = tensors
  .slice(0, 1)
  .map(({ name, datatype }) => ({ name, datatype, shape: [-1, 4], dims: ['', ''] }));
const WORDS = [
  '[',
  '{',
  '"',
  ',',
  '-',
  '1e999',
  'null',
  '99999999999999999999',
  '\\u0000',
  '"__proto__"',
  'binary_data_size',
  '\xff',
];

function mutate(bytes: Uint8Array, below: (n: number) => number): Uint8Array {
  let out = Array.from(bytes);
  for (let times = 1 + below(4); times > 0; times--) {
    const at = below(out.length + 1);
    const kind = below(6);
    if (kind === 0) out[Math.min(at, out.length - 1)] = below(256);
    else if (kind === 1) out.splice(at, 1 + below(8));
    else if (kind === 2) out.splice(at, 0, ...Array.from({ length: 1 + below(8) }, () => below(256)));
    else if (kind === 3)
      out.splice(at, 0, ...Array.from(WORDS[below(WORDS.length)] ?? '', (c) => c.charCodeAt(0)));
    else if (kind === 4) out = out.slice(0, at);
    else out.splice(at, 0, ...out.slice(below(out.length + 1), at));
    if (out.length === 0) out = [below(256)];
  }
  return Uint8Array.from(out);
}

test(`${MUTATIONS} broken bodies give a value or a coded failure, nothing else`, () => {
  const below = seeded(SEED);
  let refusals = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const seed = seeds[i % seeds.length] ?? { bytes: new Uint8Array(0), jsonLength: undefined };
    const bytes = mutate(seed.bytes, below);
    const headers = [
      undefined,
      String(seed.jsonLength ?? ''),
      String(below(bytes.length + 2)),
      '0',
      '-1',
      'x',
    ];
    const header = headers[i % 3 === 0 ? below(headers.length) : 1];
    try {
      const jsonLength = readJsonLength(header, bytes.length);
      if (i % 4 < 2) decodeInferRequest(bytes, jsonLength, specs);
      else decodeInferResponse(bytes, jsonLength);
    } catch (error) {
      if (!(error instanceof Failure)) {
        throw new Error(
          `seed ${SEED}, mutation ${i}: ${JSON.stringify(Array.from(bytes))} with header ${header}`,
          { cause: error },
        );
      }
      expect(error.message.length).toBeLessThan(600);
      refusals++;
    }
  }
  expect(refusals).toBeGreaterThan(MUTATIONS / 2); // else the mutations do not break anything
});
